/*
 * A client's connection: who it is, and what its TLS agreed on. Known once, for all its requests.
 *
 * HTTP/2: each stream runs on a secondary connection, several threads at once. Address, port, TLS
 * and identity are the master's, and what streams share is atomic.
 */
#ifndef REQIN_CONNECTION_H
#define REQIN_CONNECTION_H

#include "event.h"
#include "sender.h"

#include "httpd.h"

#include <stdatomic.h>

#pragma GCC visibility push(hidden)

/* What TLS 1.3 agreed on stays; earlier versions may negotiate again. */
typedef enum { REQIN_TLS_UNKNOWN, REQIN_TLS_BEING_WRITTEN, REQIN_TLS_KNOWN } reqin_tls_state;

/* In the connection's pool. */
typedef struct {
    reqin_text json; /* From reqin_connection_json(). */
    const apr_sockaddr_t *peer;
    const char *src_ip;
    _Atomic reqin_tls_state tls; /* The three below are valid once it is REQIN_TLS_KNOWN. */
    bool tls_resumed;
    char tls_cipher[64]; /* Up to the NUL. */
    char tls_sni[256];
    _Atomic uint32_t requests;
    _Atomic(reqin_sender *) sender; /* Where its last request went; NULL before the first. */
    const server_rec *server;
} reqin_client;

/* Shares the number of the last connection among the children. */
apr_status_t reqin_connections_share(apr_pool_t *pool);

/* Finds the functions of mod_ssl, if it is loaded. */
void reqin_connections_find_tls(void);

/* Begins to follow a client's connection; its end is an event. `socket` may be NULL. */
void reqin_connection_begin(conn_rec *c, apr_socket_t *socket);

/* The client of a request, NULL if its connection is not followed. */
reqin_client *reqin_client_of(const request_rec *r);

/* Canonical text of an address, "" for a family that is neither IPv4 nor IPv6. */
void reqin_sockaddr_text(const apr_sockaddr_t *address, char out[INET6_ADDRSTRLEN]);

/* Fills the TLS fields of `facts`. */
void reqin_connection_tls(request_rec *r, reqin_client *client, reqin_request *facts);

#pragma GCC visibility pop

#endif
