/*
 * doctor: see doctor.h. A finding is printed as soon as the check that made it is over, since the
 * self-test takes a while.
 */
#include "cli/doctor.h"

#include "cli/doctor_checks.h"
#include "cli/option.h"
#include "cli/speed.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NS_PER_S UINT64_C(1000000000)
#define IN_FLIGHT_MANY 64
#define DURATION_MAX_NS (60 * NS_PER_S)

struct doctor_options {
    uint64_t io, duration_ns;
    const char *json;
    bool no_self_test, help;
};

#define OPTION_STRUCT struct doctor_options

static const struct option_row doctor_rows[] = {
    HEADING("Options"),
    FLAG(0, "no-self-test", no_self_test, "look, and measure nothing"),
    VALUE(OPTION_DURATION, "duration", duration_ns, "D",
          "of each measurement of the self-test, at most 1m (1s)"),
    VALUE(OPTION_CHOICE, "io", io, "auto|uring|epoll",
          "what to look at and to measure (auto: all that works)"),
    TEXT(0, "json", json, "F",
         "write all of it to F as JSON; - is stdout, and the table goes\n"
         "to stderr"),
    FLAG('h', "help", help, "this"),
};

const struct option_table doctor_table = {
    .command = "quoit doctor",
    OPTION_ROWS(doctor_rows),
    .head = "quoit doctor: can this machine run quoit, and how fast is the client itself here.\n"
            "\n"
            "It changes nothing, and asks no server but a stand-in that it starts on 127.0.0.1.\n",
    .foot = "\n"
            "Exit: 0 all is well; 1 it runs, and something could be better; 2 wrong usage; 3 it\n"
            "cannot run; 4 the output cannot be written.\n",
};

struct doctor {
    struct doctor_options options;
    struct facts facts;
    struct findings findings;
    size_t printed; /* findings */
    struct speed speed;
    bool measured, colour;
    FILE *to;
};

static enum finding_verdict doctor_worst(const struct doctor *doctor)
{
    if (findings_count(&doctor->findings, FINDING_FAIL) > 0) {
        return FINDING_FAIL;
    }
    return findings_count(&doctor->findings, FINDING_WARN) > 0 ? FINDING_WARN : FINDING_OK;
}

/* --- For people --- */

static const char *doctor_colour(enum finding_verdict verdict)
{
    switch (verdict) {
    case FINDING_OK:
        return "\033[32m";
    case FINDING_WARN:
        return "\033[33m";
    case FINDING_FAIL:
        return "\033[31m";
    }
    abort(); /* a verdict without a colour */
}

/* All that was not printed yet. */
static void doctor_print(struct doctor *doctor)
{
    for (; doctor->printed < doctor->findings.count; doctor->printed++) {
        const struct finding *finding = &doctor->findings.items[doctor->printed];
        fprintf(doctor->to, "%s%-4s%s  %-14s %s\n",
                doctor->colour ? doctor_colour(finding->verdict) : "",
                finding_word(finding->verdict), doctor->colour ? "\033[0m" : "", finding->name,
                finding->found);
        if (*finding->remedy != '\0') {
            fprintf(doctor->to, "%-21s-> %s\n", "", finding->remedy);
        }
    }
    fflush(doctor->to);
}

static void doctor_print_sum(const struct doctor *doctor)
{
    size_t failures = findings_count(&doctor->findings, FINDING_FAIL);
    size_t warnings = findings_count(&doctor->findings, FINDING_WARN);

    fprintf(doctor->to, "\nthis machine %s run quoit", failures == 0 ? "can" : "cannot");
    if (failures > 0) {
        fprintf(doctor->to, "; %zu failure%s", failures, failures == 1 ? "" : "s");
    }
    if (warnings > 0) {
        fprintf(doctor->to, "; %zu warning%s", warnings, warnings == 1 ? "" : "s");
    }
    fputs("\n", doctor->to);
}

/* --- For programs --- */

static cJSON *doctor_to_json(const struct doctor *doctor)
{
    size_t failures = findings_count(&doctor->findings, FINDING_FAIL);
    size_t warnings = findings_count(&doctor->findings, FINDING_WARN);
    cJSON *object = cJSON_CreateObject();

    cJSON_AddStringToObject(object, "quoit", quoit_version());
    cJSON_AddStringToObject(object, "verdict", finding_word(doctor_worst(doctor)));
    cJSON_AddNumberToObject(object, "warnings", (double)warnings);
    cJSON_AddNumberToObject(object, "failures", (double)failures);
    cJSON *checks = cJSON_AddArrayToObject(object, "checks");
    for (size_t i = 0; i < doctor->findings.count; i++) {
        const struct finding *finding = &doctor->findings.items[i];
        cJSON *check = cJSON_CreateObject();
        cJSON_AddStringToObject(check, "name", finding->name);
        cJSON_AddStringToObject(check, "verdict", finding_word(finding->verdict));
        cJSON_AddStringToObject(check, "found", finding->found);
        if (*finding->remedy != '\0') {
            cJSON_AddStringToObject(check, "remedy", finding->remedy);
        } else {
            cJSON_AddNullToObject(check, "remedy");
        }
        cJSON_AddItemToArray(checks, check);
    }
    if (doctor->measured) {
        cJSON_AddItemToObject(object, "self_test", speed_to_json(&doctor->speed));
    } else {
        cJSON_AddNullToObject(object, "self_test");
    }
    return object;
}

/* False, after a line on stderr: it could not be written. */
static bool doctor_write_json(const struct doctor *doctor)
{
    bool is_stdout = strcmp(doctor->options.json, "-") == 0;
    cJSON *object = doctor_to_json(doctor);
    char *text = cJSON_Print(object);
    FILE *file = is_stdout ? stdout : fopen(doctor->options.json, "we");
    bool written = text != NULL && file != NULL && fprintf(file, "%s\n", text) >= 0;

    if (file != NULL && (is_stdout ? fflush(file) : fclose(file)) != 0) {
        written = false;
    }
    if (!written) {
        fprintf(stderr, "quoit doctor: %s: %s\n", is_stdout ? "stdout" : doctor->options.json,
                strerror(errno));
    }
    cJSON_free(text);
    cJSON_Delete(object);
    return written;
}

/* --- The steps --- */

/* The back ends that work, of those that are asked for. */
static void doctor_choose_backends(struct doctor *doctor)
{
    static const enum quoit_io all[] = { QUOIT_IO_URING, QUOIT_IO_EPOLL };
    const enum quoit_io asked = (enum quoit_io)doctor->options.io;
    const struct quoit_options smallest = { .requests_max = 1, .in_flight_max = 1 };

    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        struct quoit_options options = smallest;
        struct quoit_engine *engine = NULL;
        options.io = all[i];
        if ((asked == QUOIT_IO_AUTO || asked == all[i]) &&
            quoit_create(&options, &engine) == QUOIT_OK) {
            doctor->speed.ios[doctor->speed.ios_count++] = all[i];
            quoit_destroy(engine);
        }
    }
}

static void doctor_measure(struct doctor *doctor)
{
    uint64_t most = doctor_connections_max();

    doctor->speed.duration_ns = doctor->options.duration_ns;
    doctor->speed.in_flight = most < IN_FLIGHT_MANY ? (uint32_t)most : IN_FLIGHT_MANY;
    doctor_choose_backends(doctor);
    doctor->measured = true;
    speed_run(&doctor->speed, &doctor->facts, &doctor->findings, doctor->to);
    if (doctor->printed < doctor->findings.count) {
        fputs("\n", doctor->to);
    }
}

static void doctor_open(struct doctor *doctor)
{
    const char *no_colour = getenv("NO_COLOR"), *kind = getenv("TERM");
    bool json_on_stdout = doctor->options.json != NULL && strcmp(doctor->options.json, "-") == 0;

    doctor->facts.root = "";
    doctor->to = json_on_stdout ? stderr : stdout;
    doctor->colour = isatty(fileno(doctor->to)) == 1 && (no_colour == NULL || *no_colour == '\0') &&
                     (kind == NULL || strcmp(kind, "dumb") != 0);
    if (doctor->options.duration_ns == 0) {
        doctor->options.duration_ns = NS_PER_S;
    }
}

static enum exit_code doctor_run(struct doctor *doctor)
{
    const enum quoit_io io = (enum quoit_io)doctor->options.io;

    doctor_open(doctor);
    doctor_check_kernel(&doctor->findings, io);
    bool made = doctor_check_engine(&doctor->findings, &doctor->facts, io);
    doctor_check_limits(&doctor->findings, &doctor->facts);
    doctor_check_machine(&doctor->findings, &doctor->facts);
    doctor_check_setup(&doctor->findings, &doctor->facts);
    doctor_print(doctor);
    if (made && doctor_connections_max() > 0 && !doctor->options.no_self_test) {
        doctor_measure(doctor);
        doctor_print(doctor);
    }
    doctor_print_sum(doctor);
    if (doctor->options.json != NULL && !doctor_write_json(doctor)) {
        return EXIT_OUTPUT;
    }
    switch (doctor_worst(doctor)) {
    case FINDING_OK:
        return EXIT_GOOD;
    case FINDING_WARN:
        return EXIT_FAILED;
    case FINDING_FAIL:
        return EXIT_START;
    }
    abort(); /* a verdict without an exit code */
}

int doctor_main(int count, char **words)
{
    struct doctor *doctor = calloc(1, sizeof(*doctor)); /* its findings are large for a stack */
    enum exit_code exit_code = EXIT_GOOD;

    if (doctor == NULL) {
        fputs("quoit: out of memory\n", stderr);
        return EXIT_START;
    }
    if (!option_parse(&doctor_table, &doctor->options, count, words)) {
        exit_code = EXIT_USAGE;
    } else if (doctor->options.help) {
        option_print_help(&doctor_table, stdout);
    } else if (doctor->options.duration_ns > DURATION_MAX_NS) {
        (void)option_refuse(&doctor_table, "--duration: at most 1m");
        exit_code = EXIT_USAGE;
    } else {
        exit_code = doctor_run(doctor);
    }
    free(doctor);
    return (int)exit_code;
}
