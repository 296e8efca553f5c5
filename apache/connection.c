#include "connection.h"

#include "delivery.h"
#include "received.h"

#include "http_config.h"

#include "apr_optional.h"
#include "apr_portable.h"
#include "apr_shm.h"
#include "apr_strings.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>

/* A connection that waited for longer is one whose clock cannot be right. */
#define WAIT_MAX_MS 600000

extern module AP_MODULE_DECLARE_DATA reqin_log_module;

/* mod_ssl offers these at run time; its header is not needed and not in every package. */
APR_DECLARE_OPTIONAL_FN(char *, ssl_var_lookup,
                        (apr_pool_t *, server_rec *, conn_rec *, request_rec *, char *));
APR_DECLARE_OPTIONAL_FN(int, ssl_is_https, (conn_rec *));

static APR_OPTIONAL_FN_TYPE(ssl_var_lookup) *ssl_var_lookup_fn;
static APR_OPTIONAL_FN_TYPE(ssl_is_https) *ssl_is_https_fn;

/*
 * The connection number last given, shared by all children. It starts at the time of the (re)start
 * in microseconds: as long as there are fewer than a million connections a second, children of an
 * earlier start never meet it, and it stays below 2^53 until the year 2255.
 */
static _Atomic uint64_t *last_connection;

apr_status_t reqin_connections_share(apr_pool_t *pool)
{
    apr_shm_t *shared;
    const apr_status_t status = apr_shm_create(&shared, sizeof *last_connection, NULL, pool);

    if (status == APR_SUCCESS) {
        last_connection = apr_shm_baseaddr_get(shared);
        atomic_init(last_connection, (uint64_t)apr_time_now());
    }
    return status;
}

void reqin_connections_find_tls(void)
{
    ssl_var_lookup_fn = APR_RETRIEVE_OPTIONAL_FN(ssl_var_lookup);
    ssl_is_https_fn = APR_RETRIEVE_OPTIONAL_FN(ssl_is_https);
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

void reqin_sockaddr_text(const apr_sockaddr_t *address, char out[INET6_ADDRSTRLEN])
{
    const void *bytes;
    const size_t length = address_bytes(address, &bytes);

    reqin_address_text(bytes, length, out);
}

/* Runs when the connection's pool is cleared, before the socket is closed: no later user of the port
   can be mistaken for this one. */
static apr_status_t end_connection(void *data)
{
    reqin_client *client = data;
    reqin_sender *sender = atomic_load(&client->sender);
    char event[REQIN_CONNECTION_JSON_MAX + 128];

    if (sender != NULL && reqin_may_deliver(client->server, sender)) {
        const reqin_origin origin = reqin_next_origin(sender);
        const size_t length =
            reqin_connection_end_json(client->json, &origin, (uint64_t)apr_time_now(), event,
                                      sizeof event);

        reqin_deliver(client->server, sender, event, length);
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

void reqin_connection_begin(conn_rec *c, apr_socket_t *socket)
{
    reqin_connection facts;
    reqin_client *client;
    char json[REQIN_CONNECTION_JSON_MAX];
    size_t length;

    /* conn_rec.client_ip is the peer; request_rec.useragent_ip may be rewritten by mod_remoteip. */
    reqin_sockaddr_text(c->client_addr, facts.src_ip);
    reqin_sockaddr_text(c->local_addr, facts.dest_ip);
    if (facts.src_ip[0] == '\0')
        return;
    facts.src_port = c->client_addr->port;
    facts.dest_port = c->local_addr->port;
    facts.conn = atomic_fetch_add_explicit(last_connection, 1, memory_order_relaxed) + 1;
    facts.conn_ts = connection_time(socket);
    length = reqin_connection_json(&facts, json);

    client = apr_pcalloc(c->pool, sizeof *client);
    client->json.bytes = apr_pmemdup(c->pool, json, length);
    client->json.length = length;
    client->peer = c->client_addr;
    client->src_ip = apr_pstrdup(c->pool, facts.src_ip);
    client->server = c->base_server;
    ap_set_module_config(c->conn_config, &reqin_log_module, client);
    apr_pool_cleanup_register(c->pool, client, end_connection, apr_pool_cleanup_null);
}

reqin_client *reqin_client_of(const request_rec *r)
{
    const conn_rec *c = r->connection->master != NULL ? r->connection->master : r->connection;

    return ap_get_module_config(c->conn_config, &reqin_log_module);
}

static reqin_text ssl_variable(request_rec *r, const char *name)
{
    char copy[32];

    /* The function takes char * and does not write; APR gives no const. */
    apr_cpystrn(copy, name, sizeof copy);
    return reqin_text_of(ssl_var_lookup_fn(r->pool, r->server, r->connection, r, copy));
}

/* For the later requests of the connection: streams of HTTP/2 are on several threads at once. */
static void remember_tls(reqin_client *client, const reqin_request *facts)
{
    reqin_tls_state expected = REQIN_TLS_UNKNOWN;

    if (facts->tls_cipher.length >= sizeof client->tls_cipher ||
        facts->tls_sni.length >= sizeof client->tls_sni ||
        !atomic_compare_exchange_strong(&client->tls, &expected, REQIN_TLS_BEING_WRITTEN))
        return;
    apr_cpystrn(client->tls_cipher, facts->tls_cipher.bytes, sizeof client->tls_cipher);
    apr_cpystrn(client->tls_sni, facts->tls_sni.bytes, sizeof client->tls_sni);
    client->tls_resumed = facts->tls_resumed;
    atomic_store_explicit(&client->tls, REQIN_TLS_KNOWN, memory_order_release);
}

void reqin_connection_tls(request_rec *r, reqin_client *client, reqin_request *facts)
{
    if (ssl_is_https_fn == NULL || ssl_var_lookup_fn == NULL || !ssl_is_https_fn(r->connection))
        return;
    facts->https = true;
    if (atomic_load_explicit(&client->tls, memory_order_acquire) == REQIN_TLS_KNOWN) {
        facts->tls_version = reqin_text_of("1.3");
        facts->tls_cipher = reqin_text_of(client->tls_cipher);
        facts->tls_sni = reqin_text_of(client->tls_sni);
        facts->tls_resumed = client->tls_resumed;
        return;
    }
    facts->tls_version = reqin_tls_version(ssl_variable(r, "SSL_PROTOCOL"));
    facts->tls_cipher = ssl_variable(r, "SSL_CIPHER");
    facts->tls_sni = ssl_variable(r, "SSL_TLS_SNI");
    facts->tls_resumed = strcmp(ssl_variable(r, "SSL_SESSION_RESUMED").bytes, "Resumed") == 0;
    if (strcmp(facts->tls_version.bytes, "1.3") == 0)
        remember_tls(client, facts);
}
