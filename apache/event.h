/*
 * Facts about a request or the end of a connection -> one JSON event (lib/events.ts: RequestEvent,
 * ConnectionEndEvent).
 *
 * Pure: no httpd, no clock, no memory of its own. What could not be guessed: the event is valid at
 * every size limit, because the fields of bounded length come first, every text after them may use
 * only a share of what is left, and the room to close what is open is set aside from the start.
 */
#ifndef REQIN_EVENT_H
#define REQIN_EVENT_H

#include "json.h"
#include "redact.h"

#include <netinet/in.h>

#pragma GCC visibility push(hidden)

/* Smallest, largest and usual size of an event in bytes (JsonSockLogMaxEventSize). */
#define REQIN_EVENT_SIZE_MIN 2048
#define REQIN_EVENT_SIZE_MAX 65536
#define REQIN_EVENT_SIZE 16384

/* Headers whose value or length can be chosen; one bit each in a 64-bit mask. */
#define REQIN_FIELDS_MAX 64

/* Longest name of such a header. */
#define REQIN_FIELD_NAME_MAX 64

/* Room for what reqin_connection_json() writes. */
#define REQIN_CONNECTION_JSON_MAX 256

/* A header to report, by its lower-case name. */
typedef struct {
    reqin_text name;
    bool redacted; /* Report only the length of the value. */
} reqin_field;

/* A header as it arrived; behind both texts is a NUL. */
typedef struct {
    reqin_text name;
    reqin_text value;
} reqin_header;

/* What goes into events, as the directives say. */
typedef struct {
    const reqin_field *fields;
    size_t field_count; /* <= REQIN_FIELDS_MAX */
    reqin_secrets secrets; /* Parameters of a URL whose values are hidden. */
    size_t value_max;   /* Bytes kept of one value. */
    size_t event_max;   /* REQIN_EVENT_SIZE_MIN .. REQIN_EVENT_SIZE_MAX */
} reqin_event_format;

typedef struct {
    char src_ip[INET6_ADDRSTRLEN]; /* Canonical, see reqin_address_text(). */
    char dest_ip[INET6_ADDRSTRLEN];
    uint16_t src_port;
    uint16_t dest_port;
    uint64_t conn; /* Below 2^53. */
    uint64_t conn_ts;
} reqin_connection;

/* Which process sends the event, and what it has lost so far. */
typedef struct {
    uint32_t pid;
    uint64_t seq;
    uint64_t events_dropped;
} reqin_origin;

/* Times are microseconds; a text that is not known has length 0. */
typedef struct {
    reqin_text connection; /* From reqin_connection_json(). */
    reqin_origin origin;
    uint64_t ts;
    uint32_t req_idx;
    const char *client_ip;        /* NULL if nobody claims one. */
    const char *client_ip_source; /* A word of lib/events.ts. */
    bool https;
    bool ended; /* Status, bytes and duration are known. */
    bool tls_resumed;
    int protocol;          /* As in request_rec.proto_num: 1001 is HTTP/1.1. */
    unsigned status;       /* 0 unless ended. */
    uint64_t response_bytes;
    uint64_t duration;
    reqin_text method;
    reqin_text target;   /* Request target as sent: origin, absolute, authority or asterisk form. */
    reqin_text hostname; /* Used where there is no Host header. */
    reqin_text tls_version;
    reqin_text tls_cipher;
    reqin_text tls_sni;
    const reqin_header *headers;
    size_t header_count; /* Of `headers`. */
    size_t header_total; /* Of the request; those beyond header_count were dropped. */
} reqin_request;

/*
 * Text of an IPv4 address (4 bytes) or IPv6 address (16 bytes) as lib/events.ts wants it: RFC 5952,
 * ::ffff:a.b.c.d as a.b.c.d, no zone. `out` becomes "" for any other length.
 */
void reqin_address_text(const void *bytes, size_t length, char out[INET6_ADDRSTRLEN]);

/*
 * Writes the part that all events of a connection begin with, from "{" on, into `buffer` of
 * REQIN_CONNECTION_JSON_MAX bytes. Returns its length.
 */
size_t reqin_connection_json(const reqin_connection *c, char *buffer);

/*
 * Writes a RequestEvent into `buffer` of format->event_max bytes. Returns its length, 0 if it does
 * not fit, which event_max >= REQIN_EVENT_SIZE_MIN rules out.
 */
size_t reqin_request_json(const reqin_request *r, const reqin_event_format *format, char *buffer);

/* Writes a ConnectionEndEvent into `buffer` of `size` bytes. Returns its length, 0 if it does not fit. */
size_t reqin_connection_end_json(reqin_text connection, const reqin_origin *origin, uint64_t ts,
                                 char *buffer, size_t size);

#pragma GCC visibility pop

#endif
