/*
 * doctor_checks: what quoit doctor looks at before it measures.
 *
 * Each function adds one finding or some, in the order of the table. None changes anything, and
 * none asks the network. No finding holds a secret: of a key only whether it is set, of a url
 * neither user name nor query.
 */
#ifndef QUOIT_CLI_DOCTOR_CHECKS_H
#define QUOIT_CLI_DOCTOR_CHECKS_H

#include "cli/facts.h"
#include "cli/finding.h"
#include "quoit.h"

/* Is the kernel as new as `io` wants it? */
void doctor_check_kernel(struct findings *findings, enum quoit_io io);

/* Can an engine be made on `io`? False: it cannot. */
bool doctor_check_engine(struct findings *findings, const struct facts *facts, enum quoit_io io);

/* Why io_uring said `refusal` (an errno), and what to do: appended to `finding`, as a warning. */
void doctor_explain_refusal(struct finding *finding, const struct facts *facts, int refusal);

/* Descriptors, locked memory, threads, ports. */
void doctor_check_limits(struct findings *findings, const struct facts *facts);

/* How many descriptors are left for connections. */
uint64_t doctor_connections_max(void);

/* Processors, their limits, and the clock. */
void doctor_check_machine(struct findings *findings, const struct facts *facts);

/* Versions, certificates, the resolver, and variables of the environment. */
void doctor_check_setup(struct findings *findings, const struct facts *facts);

#endif
