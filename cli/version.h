/*
 * version: what `--version` says.
 */
#ifndef QUOIT_CLI_VERSION_H
#define QUOIT_CLI_VERSION_H

/* On stdout: quoit, the libraries it is built with, the kernel, and whether io_uring works here. */
void version_print(void);

#endif
