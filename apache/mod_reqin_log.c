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
 *
 * HTTP/2: each stream runs on a secondary connection. Address, port, TLS and the connection's
 * identity are the master's; streams run on several threads at once, so what they share is atomic.
 */
#include "event.h"
#include "sender.h"
#include "settings.h"

#include "httpd.h"
#include "http_config.h"
#include "http_connection.h"
#include "http_core.h"
#include "http_log.h"
#include "http_protocol.h"
#include "http_request.h"

#include "apr_optional.h"
#include "apr_portable.h"
#include "apr_shm.h"
#include "apr_strings.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdatomic.h>
#include <string.h>

/* A connection that waited for longer is one whose clock cannot be right. */
#define WAIT_MAX_MS 600000

/* Events of the usual size are written on the stack; larger ones into the request's pool. */
#define STACK_EVENT_SIZE REQIN_EVENT_SIZE

extern module AP_MODULE_DECLARE_DATA reqin_log_module;
APLOG_USE_MODULE(reqin_log);

/* mod_ssl offers these at run time; its header is not needed and not in every package. */
APR_DECLARE_OPTIONAL_FN(char *, ssl_var_lookup,
                        (apr_pool_t *, server_rec *, conn_rec *, request_rec *, char *));
APR_DECLARE_OPTIONAL_FN(int, ssl_is_https, (conn_rec *));

/* What TLS 1.3 agreed on stays; earlier versions may negotiate again. */
typedef enum { TLS_UNKNOWN, TLS_BEING_WRITTEN, TLS_KNOWN } tls_state;

/* Of a client's connection, in its pool. */
typedef struct {
    reqin_text json; /* From reqin_connection_json(). */
    const char *src_ip;
    _Atomic tls_state tls; /* The three below are valid once it is TLS_KNOWN. */
    bool tls_resumed;
    char tls_cipher[64]; /* Up to the NUL. */
    char tls_sni[256];
    _Atomic uint32_t requests;
    _Atomic(reqin_sender *) sender; /* Where its last request went; NULL before the first. */
    const server_rec *server;
} connection_state;

/* Of a request as received, in its pool. */
typedef struct {
    const reqin_header *headers;
    size_t count;
    size_t total;
    uint32_t req_idx;
    bool sent;
} request_state;

static APR_OPTIONAL_FN_TYPE(ssl_var_lookup) *ssl_var_lookup_fn;
static APR_OPTIONAL_FN_TYPE(ssl_is_https) *ssl_is_https_fn;

/*
 * The connection number last given, shared by all children. It starts at the time of the (re)start
 * in microseconds: as long as there are fewer than a million connections a second, children of an
 * earlier start never meet it, and it stays below 2^53 until the year 2255.
 */
static _Atomic uint64_t *last_connection;

/* Whether any server of this child sends events. */
static bool any_enabled;

static reqin_settings *settings_of(const server_rec *server)
{
    return ap_get_module_config(server->module_config, &reqin_log_module);
}

/*
 * Tells the operator about dropped events and their end: one line at most in an interval and
 * process, whatever happens. What is left unsaid is in the next line's count.
 */
static void report(const server_rec *server, reqin_sender *sender, reqin_outcome outcome)
{
    const int error = errno;
    const reqin_settings *settings = settings_of(server);
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

static void deliver(const server_rec *server, reqin_sender *sender, const char *event,
                    size_t length)
{
    const reqin_outcome outcome = reqin_sender_send(sender, event, length);

    if (outcome != REQIN_SENT)
        report(server, sender, outcome);
}

static reqin_origin next_origin(reqin_sender *sender)
{
    reqin_origin origin;

    origin.pid = sender->pid;
    origin.seq = reqin_sender_next(sender);
    origin.events_dropped = atomic_load_explicit(&sender->dropped, memory_order_relaxed);
    return origin;
}

/* Raw bytes of an address, 4 or 16; 0 for a family that is neither. */
static size_t address_bytes(const apr_sockaddr_t *address, const void **bytes)
{
    *bytes = address->ipaddr_ptr;
    if (address->family == APR_INET)
        return 4;
#if APR_HAVE_IPV6
    if (address->family == APR_INET6)
        return 16;
#endif
    return 0;
}

static void address_text(const apr_sockaddr_t *address, char out[INET6_ADDRSTRLEN])
{
    const void *bytes;
    const size_t length = address_bytes(address, &bytes);

    reqin_address_text(bytes, length, out);
}

/* Runs when the connection's pool is cleared, before the socket is closed: no later user of the port
   can be mistaken for this one. */
static apr_status_t end_connection(void *data)
{
    connection_state *connection = data;
    reqin_sender *sender = atomic_load(&connection->sender);
    char event[REQIN_CONNECTION_JSON_MAX + 128];

    if (sender != NULL) {
        const reqin_origin origin = next_origin(sender);
        const size_t length =
            reqin_connection_end_json(connection->json, &origin, (uint64_t)apr_time_now(), event,
                                      sizeof event);
        deliver(connection->server, sender, event, length);
    }
    return APR_SUCCESS;
}

/*
 * When the data came that the connection was accepted with, or the connection itself if there is
 * none yet. Not the time of accept(): where all workers are busy a connection waits for it, seconds
 * long, while its ClientHello has passed the sensor.
 */
static uint64_t connection_time(apr_socket_t *socket)
{
    const uint64_t now = (uint64_t)apr_time_now();
    struct tcp_info info;
    socklen_t size = sizeof info;
    apr_os_sock_t fd;

    if (socket == NULL || apr_os_sock_get(&fd, socket) != APR_SUCCESS ||
        getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0 ||
        size < offsetof(struct tcp_info, tcpi_last_data_recv) + sizeof info.tcpi_last_data_recv ||
        info.tcpi_last_data_recv > WAIT_MAX_MS)
        return now;
    return now - (uint64_t)info.tcpi_last_data_recv * 1000;
}

static int pre_connection(conn_rec *c, void *socket)
{
    reqin_connection facts;
    connection_state *connection;
    char json[REQIN_CONNECTION_JSON_MAX];
    size_t length;

    if (!any_enabled || c->master != NULL)
        return DECLINED;
    /* conn_rec.client_ip is the peer; request_rec.useragent_ip may be rewritten by mod_remoteip. */
    address_text(c->client_addr, facts.src_ip);
    address_text(c->local_addr, facts.dest_ip);
    if (facts.src_ip[0] == '\0')
        return DECLINED;
    facts.src_port = c->client_addr->port;
    facts.dest_port = c->local_addr->port;
    facts.conn = atomic_fetch_add_explicit(last_connection, 1, memory_order_relaxed) + 1;
    facts.conn_ts = connection_time(socket);
    length = reqin_connection_json(&facts, json);

    connection = apr_pcalloc(c->pool, sizeof *connection);
    connection->json.bytes = apr_pmemdup(c->pool, json, length);
    connection->json.length = length;
    connection->src_ip = apr_pstrdup(c->pool, facts.src_ip);
    connection->server = c->base_server;
    ap_set_module_config(c->conn_config, &reqin_log_module, connection);
    apr_pool_cleanup_register(c->pool, connection, end_connection, apr_pool_cleanup_null);
    return DECLINED;
}

static conn_rec *wire_connection(const request_rec *r)
{
    return r->connection->master != NULL ? r->connection->master : r->connection;
}

static connection_state *connection_of(const request_rec *r)
{
    return ap_get_module_config(wire_connection(r)->conn_config, &reqin_log_module);
}

/* Keeps the headers of `r` as they are now. */
static request_state *take_snapshot(request_rec *r, connection_state *connection,
                                    const reqin_settings *settings)
{
    const apr_array_header_t *table = apr_table_elts(r->headers_in);
    const apr_table_entry_t *entries = (const apr_table_entry_t *)(const void *)table->elts;
    const size_t total = (size_t)table->nelts;
    const size_t max = (size_t)settings->max_headers;
    request_state *state = apr_pcalloc(r->pool, sizeof *state);
    reqin_header *headers;

    state->total = total;
    state->count = total < max ? total : max;
    headers = apr_palloc(r->pool, (state->count + 1) * sizeof *headers);
    for (size_t i = 0; i < state->count; i++) {
        headers[i].name = entries[i].key;
        headers[i].value = entries[i].val;
    }
    state->headers = headers;
    state->req_idx = atomic_fetch_add_explicit(&connection->requests, 1, memory_order_relaxed);
    ap_set_module_config(r->request_config, &reqin_log_module, state);
    return state;
}

/* Whether one of the comma-separated parts of `list` is the address `text`. */
static bool names_address(const char *list, const char *text)
{
    while (*list != '\0') {
        char part[INET6_ADDRSTRLEN];
        char canonical[INET6_ADDRSTRLEN];
        unsigned char bytes[16];
        size_t length;

        list += strspn(list, ", \t");
        length = strcspn(list, ", \t");
        if (length > 0 && length < sizeof part) {
            memcpy(part, list, length);
            part[length] = '\0';
            canonical[0] = '\0';
            if (inet_pton(AF_INET, part, bytes) == 1)
                reqin_address_text(bytes, 4, canonical);
            else if (inet_pton(AF_INET6, part, bytes) == 1)
                reqin_address_text(bytes, 16, canonical);
            if (strcmp(canonical, text) == 0)
                return true;
        }
        list += length;
    }
    return false;
}

/*
 * Who claims `client_ip`. mod_remoteip has no word for it: it takes the addresses it has believed
 * out of the header, so the header that named this one is no longer the one that arrived.
 */
static const char *client_ip_source(const request_rec *r, const request_state *state,
                                    const char *client_ip)
{
    for (size_t i = 0; i < state->count; i++) {
        const reqin_header *header = &state->headers[i];
        if (apr_table_get(r->headers_in, header->name) != header->value &&
            names_address(header->value, client_ip))
            return "x_forwarded_for";
    }
    return "proxy_protocol";
}

static reqin_text ssl_variable(request_rec *r, const char *name)
{
    char copy[32];

    /* The function takes char * and does not write; APR gives no const. */
    apr_cpystrn(copy, name, sizeof copy);
    return reqin_text_of(ssl_var_lookup_fn(r->pool, r->server, r->connection, r, copy));
}

/* `TLSv1.3` -> `1.3`, `TLSv1` -> `1.0`, `SSLv3` -> `ssl3`: the words of lib/events.ts. */
static reqin_text tls_version(reqin_text protocol)
{
    if (protocol.length == 5 && memcmp(protocol.bytes, "TLSv1", 5) == 0)
        return reqin_text_of("1.0");
    if (protocol.length > 4 && memcmp(protocol.bytes, "TLSv", 4) == 0)
        return reqin_text_of(protocol.bytes + 4);
    if (protocol.length == 5 && memcmp(protocol.bytes, "SSLv3", 5) == 0)
        return reqin_text_of("ssl3");
    return protocol;
}

/* For the later requests of the connection: streams of HTTP/2 are on several threads at once. */
static void remember_tls(connection_state *connection, const reqin_request *facts)
{
    tls_state expected = TLS_UNKNOWN;

    if (facts->tls_cipher.length >= sizeof connection->tls_cipher ||
        facts->tls_sni.length >= sizeof connection->tls_sni ||
        !atomic_compare_exchange_strong(&connection->tls, &expected, TLS_BEING_WRITTEN))
        return;
    apr_cpystrn(connection->tls_cipher, facts->tls_cipher.bytes, sizeof connection->tls_cipher);
    apr_cpystrn(connection->tls_sni, facts->tls_sni.bytes, sizeof connection->tls_sni);
    connection->tls_resumed = facts->tls_resumed;
    atomic_store_explicit(&connection->tls, TLS_KNOWN, memory_order_release);
}

static void fill_tls(request_rec *r, connection_state *connection, reqin_request *facts)
{
    if (ssl_is_https_fn == NULL || ssl_var_lookup_fn == NULL || !ssl_is_https_fn(r->connection))
        return;
    facts->https = true;
    if (atomic_load_explicit(&connection->tls, memory_order_acquire) == TLS_KNOWN) {
        facts->tls_version = reqin_text_of("1.3");
        facts->tls_cipher = reqin_text_of(connection->tls_cipher);
        facts->tls_sni = reqin_text_of(connection->tls_sni);
        facts->tls_resumed = connection->tls_resumed;
        return;
    }
    facts->tls_version = tls_version(ssl_variable(r, "SSL_PROTOCOL"));
    facts->tls_cipher = ssl_variable(r, "SSL_CIPHER");
    facts->tls_sni = ssl_variable(r, "SSL_TLS_SNI");
    facts->tls_resumed = strcmp(ssl_variable(r, "SSL_SESSION_RESUMED").bytes, "Resumed") == 0;
    if (strcmp(facts->tls_version.bytes, "1.3") == 0)
        remember_tls(connection, facts);
}

/* The request target as sent. Where httpd refused the request line it did not take it apart. */
static reqin_text request_target(const request_rec *r)
{
    const char *line = r->the_request;
    reqin_text target;

    if (r->unparsed_uri != NULL)
        return reqin_text_of(r->unparsed_uri);
    target = reqin_text_of(NULL);
    if (line != NULL) {
        line += strcspn(line, " ");
        line += strspn(line, " ");
        target.bytes = line;
        target.length = strcspn(line, " ");
    }
    return target;
}

static reqin_text request_method(const request_rec *r)
{
    reqin_text method = reqin_text_of(r->method);

    if (r->method == NULL && r->the_request != NULL) {
        method.bytes = r->the_request;
        method.length = strcspn(r->the_request, " ");
    }
    return method;
}

/* Sends the event of the chain of requests that begins with `first`. */
static void send_request(request_rec *first, connection_state *connection,
                         const request_state *state, const reqin_settings *settings, bool ended)
{
    char stack[STACK_EVENT_SIZE];
    char client_ip[INET6_ADDRSTRLEN];
    const size_t size = settings->format.event_max;
    char *event = size <= sizeof stack ? stack : apr_palloc(first->pool, size);
    const request_rec *last = first;
    const apr_time_t now = apr_time_now();
    reqin_request facts;
    size_t length;

    while (last->next != NULL)
        last = last->next;
    memset(&facts, 0, sizeof facts);
    facts.connection = connection->json;
    facts.origin = next_origin(settings->sender);
    facts.ts = (uint64_t)first->request_time;
    facts.req_idx = state->req_idx;
    address_text(first->useragent_addr, client_ip);
    if (client_ip[0] != '\0' && strcmp(client_ip, connection->src_ip) != 0) {
        facts.client_ip = client_ip;
        facts.client_ip_source = client_ip_source(first, state, client_ip);
    }
    facts.protocol = first->proto_num;
    if (ended) {
        facts.ended = true;
        /* A module may set anything; three digits are a status (RFC 9110, section 15). */
        facts.status = last->status > 0 && last->status <= 999 ? (unsigned)last->status : 0;
        facts.response_bytes = last->bytes_sent > 0 ? (uint64_t)last->bytes_sent : 0;
        facts.duration =
            now > first->request_time ? (uint64_t)(now - first->request_time) : 0;
    }
    facts.method = request_method(first);
    facts.target = request_target(first);
    facts.hostname = reqin_text_of(first->hostname);
    fill_tls(first, connection, &facts);
    facts.headers = state->headers;
    facts.header_count = state->count;
    facts.header_total = state->total;

    length = reqin_request_json(&facts, &settings->format, event);
    deliver(first->server, settings->sender, event, length);
}

static int post_read_request(request_rec *r)
{
    const reqin_settings *settings = settings_of(r->server);
    connection_state *connection;
    request_state *state;

    /* Subrequests and the later parts of a chain have no headers of their own. */
    if (settings->sender == NULL || r->main != NULL || r->prev != NULL)
        return DECLINED;
    connection = connection_of(r);
    if (connection == NULL)
        return DECLINED;
    state = take_snapshot(r, connection, settings);
    if (settings->phase == REQIN_PHASE_START) {
        send_request(r, connection, state, settings, false);
        state->sent = true;
        atomic_store(&connection->sender, settings->sender);
    }
    return DECLINED;
}

static int log_transaction(request_rec *r)
{
    request_rec *first = r;
    const reqin_settings *settings;
    connection_state *connection;
    request_state *state;

    while (first->prev != NULL)
        first = first->prev;
    settings = settings_of(first->server);
    connection = connection_of(first);
    if (settings->sender == NULL || connection == NULL)
        return DECLINED;
    /* httpd also logs a connection on which nothing came before the timeout. That is no request. */
    if (first->the_request == NULL && first->status == HTTP_REQUEST_TIME_OUT)
        return DECLINED;
    state = ap_get_module_config(first->request_config, &reqin_log_module);
    if (state == NULL)
        state = take_snapshot(first, connection, settings);
    if (!state->sent) {
        send_request(first, connection, state, settings, true);
        state->sent = true;
        atomic_store(&connection->sender, settings->sender);
    }
    return DECLINED;
}

/* Also part of `httpd -t`, which post_config is not. */
static int check_config(apr_pool_t *pool, apr_pool_t *log, apr_pool_t *temporary,
                        server_rec *server)
{
    (void)log;
    (void)temporary;
    for (server_rec *s = server; s != NULL; s = s->next) {
        const char *error = reqin_settings_finish(pool, settings_of(s));
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
    apr_shm_t *shared;
    apr_status_t status;

    (void)log;
    (void)temporary;
    status = apr_shm_create(&shared, sizeof *last_connection, NULL, pool);
    if (status != APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_EMERG, status, server,
                     "Cannot share memory for the connection number");
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    last_connection = apr_shm_baseaddr_get(shared);
    atomic_init(last_connection, (uint64_t)apr_time_now());
    return OK;
}

/* The sender of an earlier server in the list with the same socket. */
static reqin_sender *find_sender(const server_rec *from, const server_rec *to, const char *path)
{
    for (const server_rec *s = from; s != to; s = s->next) {
        const reqin_settings *settings = settings_of(s);
        if (settings->sender != NULL && strcmp(settings->socket, path) == 0)
            return settings->sender;
    }
    return NULL;
}

static void child_init(apr_pool_t *pool, server_rec *server)
{
    any_enabled = false;
    for (server_rec *s = server; s != NULL; s = s->next) {
        reqin_settings *settings = settings_of(s);
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

static void retrieve_optional_functions(void)
{
    ssl_var_lookup_fn = APR_RETRIEVE_OPTIONAL_FN(ssl_var_lookup);
    ssl_is_https_fn = APR_RETRIEVE_OPTIONAL_FN(ssl_is_https);
}

static void register_hooks(apr_pool_t *pool)
{
    (void)pool;
    ap_hook_optional_fn_retrieve(retrieve_optional_functions, NULL, NULL, APR_HOOK_MIDDLE);
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
