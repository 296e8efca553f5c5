/*
 * mod_reqin_log: one JSON event per request to a UNIX datagram socket, for joining HTTP requests
 * with the TLS handshakes that a sensor saw on the wire.
 *
 * Goal: the event names the connection exactly as the packets show it (the peer's address and port,
 * never what a header or the PROXY protocol claims), it shows the headers as they arrived, there is
 * one for every request, also for the ones httpd refuses, and no request ever waits for the reader.
 *
 * Two hooks, because no single one sees both ends. In post_read_request, before all other modules,
 * the headers are as received: afterwards mod_remoteip removes X-Forwarded-For, mod_headers and
 * mod_rewrite may edit. Status, bytes and duration exist in log_transaction alone, which also runs
 * for malformed requests, for which post_read_request does not. So the first keeps pointers to the
 * headers (an edit of the table replaces pointers, it does not write into the strings) and the
 * second sends. An internal redirect makes a chain of request_recs: the first of it has the
 * headers, the last one the outcome, and there is one event for all.
 */
#include "connection.h"
#include "delivery.h"
#include "event.h"
#include "received.h"
#include "sender.h"
#include "settings.h"

#include "httpd.h"
#include "http_config.h"
#include "http_connection.h"
#include "http_core.h"
#include "http_log.h"
#include "http_protocol.h"
#include "http_request.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>

/* Events of the usual size are written on the stack; larger ones into the request's pool. */
#define STACK_EVENT_SIZE REQIN_EVENT_SIZE

extern module AP_MODULE_DECLARE_DATA reqin_log_module;
APLOG_USE_MODULE(reqin_log);

/* A header as received. Where nobody takes the event its lengths are never needed. */
typedef struct {
    const char *name;
    const char *value;
} received_header;

/* Of a request as received, in its pool. */
typedef struct {
    size_t count;
    size_t total;
    uint32_t req_idx;
    bool sent;
    received_header headers[]; /* `count` of them. */
} request_state;

/* Whether any server of this child sends events. */
static bool any_enabled;

static int pre_connection(conn_rec *c, void *socket)
{
    if (any_enabled && c->master == NULL)
        reqin_connection_begin(c, socket);
    return DECLINED;
}

/* Keeps the headers of `r` as they are now. */
static request_state *take_snapshot(request_rec *r, reqin_client *client,
                                    const reqin_settings *settings)
{
    const apr_array_header_t *table = apr_table_elts(r->headers_in);
    const apr_table_entry_t *entries = (const apr_table_entry_t *)(const void *)table->elts;
    const size_t total = (size_t)table->nelts;
    const size_t max = (size_t)settings->max_headers;
    const size_t count = total < max ? total : max;
    request_state *state = apr_palloc(r->pool, sizeof *state + count * sizeof *state->headers);

    state->count = count;
    state->total = total;
    state->req_idx = atomic_fetch_add_explicit(&client->requests, 1, memory_order_relaxed);
    state->sent = false;
    for (size_t i = 0; i < count; i++) {
        state->headers[i].name = entries[i].key;
        state->headers[i].value = entries[i].val;
    }
    ap_set_module_config(r->request_config, &reqin_log_module, state);
    return state;
}

/*
 * Who claims `client_ip`. mod_remoteip has no word for it: it takes the addresses it has believed
 * out of the header, so the header that named this one is no longer the one that arrived.
 */
static const char *client_ip_source(const request_rec *r, const request_state *state,
                                    const char *client_ip)
{
    for (size_t i = 0; i < state->count; i++) {
        const received_header *header = &state->headers[i];
        if (apr_table_get(r->headers_in, header->name) != header->value &&
            reqin_names_address(header->value, client_ip))
            return "x_forwarded_for";
    }
    return "proxy_protocol";
}

/* The headers as events need them, in the pool of `r`. */
static const reqin_header *measure_headers(const request_rec *r, const request_state *state)
{
    reqin_header *headers = apr_palloc(r->pool, (state->count + 1) * sizeof *headers);

    for (size_t i = 0; i < state->count; i++) {
        headers[i].name = reqin_text_of(state->headers[i].name);
        headers[i].value = reqin_text_of(state->headers[i].value);
    }
    return headers;
}

/* Writes and sends the event of the chain of requests that begins with `first`. */
static void write_request(request_rec *first, reqin_client *client,
                         const request_state *state, const reqin_settings *settings, bool ended)
{
    char stack[STACK_EVENT_SIZE];
    char client_ip[INET6_ADDRSTRLEN];
    const size_t size = settings->format.event_max;
    char *event = size <= sizeof stack ? stack : apr_palloc(first->pool, size);
    const request_rec *last = first;
    reqin_request facts;
    size_t length;

    while (last->next != NULL)
        last = last->next;
    memset(&facts, 0, sizeof facts);
    facts.connection = client->json;
    facts.origin = reqin_next_origin(settings->sender);
    facts.ts = (uint64_t)first->request_time;
    facts.req_idx = state->req_idx;
    if (first->useragent_addr != client->peer) {
        reqin_sockaddr_text(first->useragent_addr, client_ip);
        if (client_ip[0] != '\0' && strcmp(client_ip, client->src_ip) != 0) {
            facts.client_ip = client_ip;
            facts.client_ip_source = client_ip_source(first, state, client_ip);
        }
    }
    facts.protocol = first->proto_num;
    if (ended) {
        const apr_time_t now = apr_time_now();

        facts.ended = true;
        /* A module may set anything; three digits are a status (RFC 9110, section 15). */
        facts.status = last->status > 0 && last->status <= 999 ? (unsigned)last->status : 0;
        facts.response_bytes = last->bytes_sent > 0 ? (uint64_t)last->bytes_sent : 0;
        facts.duration =
            now > first->request_time ? (uint64_t)(now - first->request_time) : 0;
    }
    /* Where httpd refused the request line it did not take it apart. */
    reqin_request_line(reqin_text_of(first->the_request), &facts.method, &facts.target);
    if (first->method != NULL)
        facts.method = reqin_text_of(first->method);
    if (first->unparsed_uri != NULL)
        facts.target = reqin_text_of(first->unparsed_uri);
    facts.hostname = reqin_text_of(first->hostname);
    reqin_connection_tls(first, client, &facts);
    facts.headers = measure_headers(first, state);
    facts.header_count = state->count;
    facts.header_total = state->total;

    length = reqin_request_json(&facts, &settings->format, event);
    reqin_deliver(first->server, settings->sender, event, length);
}

static void send_request(request_rec *first, reqin_client *client, request_state *state,
                         const reqin_settings *settings, bool ended)
{
    if (reqin_may_deliver(first->server, settings->sender))
        write_request(first, client, state, settings, ended);
    state->sent = true;
    if (atomic_load_explicit(&client->sender, memory_order_relaxed) != settings->sender)
        atomic_store(&client->sender, settings->sender);
}

static int post_read_request(request_rec *r)
{
    const reqin_settings *settings = reqin_settings_of(r->server);
    reqin_client *client;
    request_state *state;

    /* Subrequests and the later parts of a chain have no headers of their own. */
    if (settings->sender == NULL || r->main != NULL || r->prev != NULL)
        return DECLINED;
    client = reqin_client_of(r);
    if (client == NULL)
        return DECLINED;
    state = take_snapshot(r, client, settings);
    if (settings->phase == REQIN_PHASE_START)
        send_request(r, client, state, settings, false);
    return DECLINED;
}

static int log_transaction(request_rec *r)
{
    request_rec *first = r;
    const reqin_settings *settings;
    reqin_client *client;
    request_state *state;

    while (first->prev != NULL)
        first = first->prev;
    settings = reqin_settings_of(first->server);
    client = reqin_client_of(first);
    if (settings->sender == NULL || client == NULL)
        return DECLINED;
    /* httpd also logs a connection on which nothing came before the timeout. That is no request. */
    if (first->the_request == NULL && first->status == HTTP_REQUEST_TIME_OUT)
        return DECLINED;
    state = ap_get_module_config(first->request_config, &reqin_log_module);
    if (state == NULL)
        state = take_snapshot(first, client, settings);
    if (!state->sent)
        send_request(first, client, state, settings, true);
    return DECLINED;
}

/* Also part of `httpd -t`, which post_config is not. */
static int check_config(apr_pool_t *pool, apr_pool_t *log, apr_pool_t *temporary,
                        server_rec *server)
{
    (void)log;
    (void)temporary;
    for (server_rec *s = server; s != NULL; s = s->next) {
        const char *error = reqin_settings_finish(pool, reqin_settings_of(s));
        if (error != NULL) {
            ap_log_error(APLOG_MARK, APLOG_EMERG, 0, s, "%s", error);
            return HTTP_INTERNAL_SERVER_ERROR;
        }
    }
    return OK;
}

static int post_config(apr_pool_t *pool, apr_pool_t *log, apr_pool_t *temporary,
                       server_rec *server)
{
    const apr_status_t status = reqin_connections_share(pool);

    (void)log;
    (void)temporary;
    if (status != APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_EMERG, status, server,
                     "Cannot share memory for the connection number");
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    return OK;
}

/* The sender of an earlier server in the list with the same socket. */
static reqin_sender *find_sender(const server_rec *from, const server_rec *to, const char *path)
{
    for (const server_rec *s = from; s != to; s = s->next) {
        const reqin_settings *settings = reqin_settings_of(s);
        if (settings->sender != NULL && strcmp(settings->socket, path) == 0)
            return settings->sender;
    }
    return NULL;
}

static void child_init(apr_pool_t *pool, server_rec *server)
{
    any_enabled = false;
    for (server_rec *s = server; s != NULL; s = s->next) {
        reqin_settings *settings = reqin_settings_of(s);
        reqin_sender_options options;

        if (!settings->enabled)
            continue;
        any_enabled = true;
        settings->sender = find_sender(server, s, settings->socket);
        if (settings->sender != NULL)
            continue;
        options.path = settings->socket;
        options.reconnect_us = (int64_t)settings->reconnect_s * 1000000;
        settings->sender = apr_palloc(pool, sizeof *settings->sender);
        if (!reqin_sender_open(settings->sender, &options) && settings->level >= APLOG_ERR &&
            reqin_may_report((int64_t)settings->report_s * 1000000))
            ap_log_error(APLOG_MARK, APLOG_ERR, errno, s,
                         "Cannot make a socket for \"%s\"; this process sends no events",
                         settings->socket);
    }
}

static void register_hooks(apr_pool_t *pool)
{
    (void)pool;
    ap_hook_optional_fn_retrieve(reqin_connections_find_tls, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_check_config(check_config, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_post_config(post_config, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_child_init(child_init, NULL, NULL, APR_HOOK_MIDDLE);
    /* First of all: mod_ssl's handshake is to come after it. */
    ap_hook_pre_connection(pre_connection, NULL, NULL, APR_HOOK_REALLY_FIRST);
    ap_hook_post_read_request(post_read_request, NULL, NULL, APR_HOOK_REALLY_FIRST);
    ap_hook_log_transaction(log_transaction, NULL, NULL, APR_HOOK_MIDDLE);
}

module AP_MODULE_DECLARE_DATA reqin_log_module = {
    STANDARD20_MODULE_STUFF,
    NULL,
    NULL,
    reqin_settings_create,
    reqin_settings_merge,
    reqin_directives,
    register_hooks,
    AP_MODULE_FLAG_NONE,
};
