#include "delivery.h"

#include "http_config.h"
#include "http_log.h"

#include <errno.h>
#include <stdatomic.h>

extern module AP_MODULE_DECLARE_DATA reqin_log_module;
APLOG_USE_MODULE(reqin_log);

reqin_settings *reqin_settings_of(const server_rec *server)
{
    return ap_get_module_config(server->module_config, &reqin_log_module);
}

/* What is left unsaid is in the next line's count. */
static void report(const server_rec *server, reqin_sender *sender, reqin_outcome outcome)
{
    const int error = errno;
    const reqin_settings *settings = reqin_settings_of(server);
    const bool again = outcome == REQIN_SENT_AGAIN;
    const int level = again ? APLOG_INFO : APLOG_WARNING;
    const bool wanted = level <= settings->level && APLOG_IS_LEVEL(server, level);
    apr_uint64_t dropped;

    if (wanted && !reqin_may_report((int64_t)settings->report_s * 1000000))
        return;
    if (again)
        reqin_sender_recovered(sender);
    if (!wanted)
        return;
    dropped = atomic_load_explicit(&sender->dropped, memory_order_relaxed);
    if (again)
        ap_log_error(APLOG_MARK, APLOG_INFO, 0, server,
                     "Sends events to \"%s\" again; this process has dropped %" APR_UINT64_T_FMT
                     " so far",
                     sender->options.path, dropped);
    else
        ap_log_error(APLOG_MARK, APLOG_WARNING, error, server,
                     "Cannot send an event to \"%s\"; this process has dropped %" APR_UINT64_T_FMT
                     " so far",
                     sender->options.path, dropped);
}

reqin_origin reqin_next_origin(reqin_sender *sender)
{
    reqin_origin origin;

    origin.pid = sender->pid;
    origin.seq = reqin_sender_next(sender);
    origin.events_dropped = atomic_load_explicit(&sender->dropped, memory_order_relaxed);
    return origin;
}

bool reqin_may_deliver(const server_rec *server, reqin_sender *sender)
{
    const bool ready = reqin_sender_ready(sender);

    if (!ready)
        report(server, sender, reqin_sender_skip(sender));
    return ready;
}

void reqin_deliver(const server_rec *server, reqin_sender *sender, const char *event,
                   size_t length)
{
    const reqin_outcome outcome = reqin_sender_send(sender, event, length);

    if (outcome != REQIN_SENT)
        report(server, sender, outcome);
}
