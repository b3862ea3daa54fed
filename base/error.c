/*
 * error: what the numbers of enum quoit_error are called; all of it is in QUOIT_ERROR_MAP.
 */
#include "quoit.h"

const char *quoit_error_name(enum quoit_error error)
{
    switch (error) {
    case QUOIT_OK:
        return "QUOIT_OK";
#define X(number, name, transient, code, message)                                                  \
    case QUOIT_E_##name:                                                                           \
        return "QUOIT_E_" #name;
        QUOIT_ERROR_MAP(X)
#undef X
    }
    return "unknown"; /* a binding may hand us any integer */
}

const char *quoit_error_code(enum quoit_error error)
{
    switch (error) {
    case QUOIT_OK:
        return "ok";
#define X(number, name, transient, code, message)                                                  \
    case QUOIT_E_##name:                                                                           \
        return code;
        QUOIT_ERROR_MAP(X)
#undef X
    }
    return "unknown";
}

const char *quoit_error_message(enum quoit_error error)
{
    switch (error) {
    case QUOIT_OK:
        return "no error";
#define X(number, name, transient, code, message)                                                  \
    case QUOIT_E_##name:                                                                           \
        return message;
        QUOIT_ERROR_MAP(X)
#undef X
    }
    return "unknown";
}

bool quoit_error_is_transient(enum quoit_error error)
{
    switch (error) {
    case QUOIT_OK:
        return false;
#define X(number, name, transient, code, message)                                                  \
    case QUOIT_E_##name:                                                                           \
        return transient;
        QUOIT_ERROR_MAP(X)
#undef X
    }
    return false;
}
