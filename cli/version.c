/*
 * version: the only way to know whether io_uring works is to make an engine.
 */
#include "cli/version.h"

#include "quoit.h"

#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

void version_print(void)
{
    const struct quoit_options smallest = { .requests_max = 1, .in_flight_max = 1 };
    struct quoit_engine *engine = NULL;
    struct utsname kernel;
    enum quoit_error error = quoit_create(&smallest, &engine);

    printf("quoit %s\n%s\n", quoit_version(), quoit_build_info());
    if (uname(&kernel) == 0) {
        printf("%s %s, ", kernel.sysname, kernel.release);
    }
    if (error == QUOIT_OK) {
        struct quoit_stats stats;
        quoit_stats_read(engine, &stats);
        if (stats.io == QUOIT_IO_URING) {
            puts("io_uring works");
        } else {
            printf("io_uring is refused (%s): epoll\n", strerror(stats.io_refusal));
        }
        quoit_destroy(engine);
    } else {
        printf("no engine: %s\n", quoit_error_message(error));
    }
}
