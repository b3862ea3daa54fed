/*
 * metric: what is measured of one request, all lengths of time in nanoseconds.
 *
 *     s due   g slot granted   w first byte handed over   b head   t1..tk output   z end
 *
 *     s        g             w               t1        e = tk   z
 *     |-queue--|-connect-|lag|------ttft------|--itl--...--|    |
 *              |             |----------------e2el----------|    |
 *     |        |             |------------------service----------|
 *     |--------------------------------latency-------------------|
 *
 * Latency counts from the moment at which the request was meant to be sent, so that a server that
 * stalls is charged for all that it kept waiting; service counts from the moment at which it was.
 */
#ifndef QUOIT_BENCH_METRIC_H
#define QUOIT_BENCH_METRIC_H

/* X(MEMBER, name): in the order of results. The name with _ms is the key in JSON. */
#define METRIC_MAP(X)                                                                              \
    X(LATENCY, "latency")             /* z - s */                                                  \
    X(SERVICE, "service")             /* z - w */                                                  \
    X(QUEUE, "queue")                 /* g - s: no slot was free */                                \
    X(CONNECT, "connect")             /* name look-up, connect and TLS, behind g */                \
    X(TTFT, "ttft")                   /* t1 - w: time to first token */                            \
    X(TTFT_SCHEDULE, "ttft_schedule") /* t1 - s */                                                 \
    X(TPOT, "tpot")                   /* (e - t1) / (n - 1): time per output token */              \
    X(ITL, "itl")                     /* t[i] - t[i-1]: inter-token latency; many of a request */  \
    X(E2EL, "e2el")                   /* e - w; not streamed: z - w */                             \
    X(LAG, "lag")                     /* w - g - connect: ours */

enum metric {
#define METRIC_X(member, name) METRIC_##member,
    METRIC_MAP(METRIC_X)
#undef METRIC_X
        METRICS,
};

/*
 * The parts of a good request's service and connect, each from one instant to the next. Name
 * look-up, connect and tls are those of a request that opened its connection.
 */
#define PHASE_MAP(X)                                                                               \
    X(RESOLVE, "resolve")                                                                          \
    X(CONNECT, "connect")                                                                          \
    X(TLS, "tls")                                                                                  \
    X(SEND, "send")       /* from the first byte handed over to the last */                        \
    X(WAIT, "wait")       /* until the first byte of the answer */                                 \
    X(RECEIVE, "receive") /* until its last */

enum phase {
#define PHASE_X(member, name) PHASE_##member,
    PHASE_MAP(PHASE_X)
#undef PHASE_X
        PHASES,
};

#endif
