/*
 * loop_glib_test: examples/adapters/quoit_glib.h keeps what loop_checks.h asks of an adapter, in a
 * context of its own.
 */
#include "examples/adapters/quoit_glib.h"
#include "tests/live/loop_checks.h"

#include <sys/wait.h>

static GMainContext *context;
static GMainLoop *loop;
static GSource *timer;
static struct quoit_glib *adapter; /* on the heap, so that a touch after its end is seen */

static gboolean on_timer(gpointer unused)
{
    (void)unused;
    loop_on_tick();
    return G_SOURCE_CONTINUE;
}

static void loop_begin(void)
{
    context = g_main_context_new();
    loop = g_main_loop_new(context, FALSE);
    timer = g_timeout_source_new(1);
    g_source_set_callback(timer, on_timer, NULL, NULL);
    g_source_attach(timer, context);
}

static void loop_hook(struct quoit_engine *engine)
{
    adapter = g_new0(struct quoit_glib, 1);
    *adapter = (struct quoit_glib){ .hook = { engine, loop_on_event, &loop_test, false, NULL } };
    CHECK(quoit_glib_begin(adapter, context));
}

static enum quoit_error loop_submit(const struct quoit_request *request, uint64_t *id_out)
{
    return quoit_glib_submit(adapter, request, id_out);
}

static void loop_run(void)
{
    g_main_loop_run(loop);
}

static void loop_stop(void)
{
    g_main_loop_quit(loop);
}

static void loop_unhook(void)
{
    quoit_glib_end(adapter);
    g_free(adapter);
}

static void loop_free(void)
{
    g_source_destroy(timer);
    g_source_unref(timer);
    g_main_loop_unref(loop);
    g_main_context_unref(context);
}

/* As in a child: what is refused leaves nothing behind in the context. */
static void test_an_engine_without_a_descriptor_is_refused(void)
{
    struct quoit_glib refused = { .hook = { .engine = live_engine(NULL) } };
    int status = -1;
    pid_t child = fork();

    if (child == 0) {
        bool begun = quoit_glib_begin(&refused, NULL);
        _exit(begun || refused.source != NULL);
    }
    CHECK_EQ(waitpid(child, &status, 0), child);
    CHECK_EQ(status, 0);
    quoit_destroy(refused.hook.engine);
}

int main(void)
{
    loop_checks_run();
    RUN(test_an_engine_without_a_descriptor_is_refused);
    return check_done();
}
