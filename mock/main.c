/*
 * quoit-mock: a stand-in for an LLM server, with a script of faults and a ledger of what it saw.
 *
 *     options --> server --> client --> exchange --> plan, answer, stream
 *                   |          |            |
 *                 epoll      wire        ledger
 *
 * It shares no code with the client that it tests.
 */
#include "mock/options.h"
#include "mock/server.h"

int main(int count, char **arguments)
{
    struct options options;

    switch (options_parse(&options, count, arguments)) {
    case OPTIONS_RUN:
        return server_run(&options);
    case OPTIONS_DONE:
        return 0;
    case OPTIONS_WRONG:
        return 2;
    }
    return 2;
}
