"""The version of this package, which is that of the library it goes with."""

VERSION = "0.1.0"
