#include "event.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

/* Upper bounds, in bytes of JSON, of the parts of an event that a client cannot stretch. */
#define BOUNDED_MAX 640 /* write_bounded(): names of fields, numbers of 20 digits, one address */
#define RESERVE 288     /* Names of the other fields and write_tail(), all numbers at their longest */

/* Bounds of texts, in bytes of JSON, where the event is large enough. */
#define CIPHER_MAX 66
#define METHOD_MAX 66
#define HOST_MAX 258
#define SNI_MAX 258
#define TARGET_PART_MAX 4098

/* Bytes kept of a header's name. */
#define NAME_MAX_BYTES 128

_Static_assert(REQIN_CONNECTION_JSON_MAX + BOUNDED_MAX + CIPHER_MAX + RESERVE + 512 <=
                   REQIN_EVENT_SIZE_MIN,
               "the smallest event must leave room for texts");

void reqin_address_text(const void *bytes, size_t length, char out[INET6_ADDRSTRLEN])
{
    static const unsigned char mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    const unsigned char *b = bytes;
    int family = AF_INET6;

    out[0] = '\0';
    if (length == 16 && memcmp(b, mapped, sizeof mapped) == 0) {
        b += sizeof mapped;
        length = 4;
    }
    if (length == 4)
        family = AF_INET;
    else if (length != 16)
        return;
    inet_ntop(family, b, out, INET6_ADDRSTRLEN);
}

static void write_address(reqin_json *w, const char *address)
{
    reqin_json_string(w, reqin_text_of(address), INET6_ADDRSTRLEN + REQIN_QUOTES);
}

size_t reqin_connection_json(const reqin_connection *c, char *buffer)
{
    reqin_json writer;
    reqin_json *w = &writer;

    reqin_json_start(w, buffer, REQIN_CONNECTION_JSON_MAX);
    REQIN_JSON_LITERAL(w, "{\"src_ip\":");
    write_address(w, c->src_ip);
    REQIN_JSON_LITERAL(w, ",\"src_port\":");
    reqin_json_number(w, c->src_port);
    REQIN_JSON_LITERAL(w, ",\"dest_ip\":");
    write_address(w, c->dest_ip);
    REQIN_JSON_LITERAL(w, ",\"dest_port\":");
    reqin_json_number(w, c->dest_port);
    REQIN_JSON_LITERAL(w, ",\"conn\":");
    reqin_json_number(w, c->conn);
    REQIN_JSON_LITERAL(w, ",\"conn_ts\":");
    reqin_json_number(w, c->conn_ts);
    return w->overflow ? 0 : (size_t)(w->next - buffer);
}

static void write_origin(reqin_json *w, const reqin_origin *origin)
{
    REQIN_JSON_LITERAL(w, ",\"pid\":");
    reqin_json_number(w, origin->pid);
    REQIN_JSON_LITERAL(w, ",\"seq\":");
    reqin_json_number(w, origin->seq);
}

size_t reqin_connection_end_json(reqin_text connection, const reqin_origin *origin, uint64_t ts,
                                 char *buffer, size_t size)
{
    reqin_json writer;
    reqin_json *w = &writer;

    reqin_json_start(w, buffer, size);
    reqin_json_raw(w, connection.bytes, connection.length);
    REQIN_JSON_LITERAL(w, ",\"event_type\":\"connection_end\",\"ts\":");
    reqin_json_number(w, ts);
    write_origin(w, origin);
    REQIN_JSON_LITERAL(w, "}");
    return w->overflow ? 0 : (size_t)(w->next - buffer);
}

/* Room for a text that may use one part in `divisor` of what is left, and never more than `max`. */
static size_t share(const reqin_json *w, size_t divisor, size_t max)
{
    size_t room = reqin_json_room(w);
    size_t part = room > RESERVE ? (room - RESERVE) / divisor : 0;

    if (part < REQIN_QUOTES)
        return REQIN_QUOTES;
    return part < max ? part : max;
}

static bool same_name(reqin_text a, reqin_text b)
{
    return a.length == b.length && strncasecmp(a.bytes, b.bytes, a.length) == 0;
}

static const reqin_header *find_header(const reqin_request *r, reqin_text name)
{
    for (size_t i = 0; i < r->header_count; i++) {
        if (same_name(r->headers[i].name, name))
            return &r->headers[i];
    }
    return NULL;
}

/*
 * The value as a number if it is nothing but digits (RFC 9110, section 8.6) and below 10^15: from
 * 2^53 on a reader in JavaScript would not get the number that was sent.
 */
static bool parse_length(const char *value, uint64_t *length)
{
    size_t digits = strspn(value, "0123456789");

    if (digits == 0 || digits > 15 || value[digits] != '\0')
        return false;
    *length = 0;
    for (size_t i = 0; i < digits; i++)
        *length = *length * 10 + (uint64_t)(value[i] - '0');
    return true;
}

static void write_http_version(reqin_json *w, int protocol)
{
    unsigned number = protocol > 0 ? (unsigned)protocol : 0;

    REQIN_JSON_LITERAL(w, ",\"http_version\":\"");
    reqin_json_number(w, number / 1000);
    /* HTTP/2 and later have no minor version (RFC 9113, section 3.1). */
    if (number < 2000) {
        REQIN_JSON_LITERAL(w, ".");
        reqin_json_number(w, number % 1000);
    }
    REQIN_JSON_LITERAL(w, "\"");
}

/* Everything whose length a client cannot choose. */
static void write_bounded(reqin_json *w, const reqin_request *r)
{
    const reqin_header *content_length = find_header(r, reqin_text_of("Content-Length"));
    uint64_t request_bytes;

    REQIN_JSON_LITERAL(w, ",\"event_type\":\"request\",\"ts\":");
    reqin_json_number(w, r->ts);
    REQIN_JSON_LITERAL(w, ",\"req_idx\":");
    reqin_json_number(w, r->req_idx);
    write_origin(w, &r->origin);
    REQIN_JSON_LITERAL(w, ",\"events_dropped\":");
    reqin_json_number(w, r->origin.events_dropped);
    if (r->client_ip != NULL) {
        REQIN_JSON_LITERAL(w, ",\"client_ip\":");
        write_address(w, r->client_ip);
        REQIN_JSON_LITERAL(w, ",\"client_ip_source\":");
        reqin_json_string(w, reqin_text_of(r->client_ip_source), 32);
    }
    if (r->https)
        REQIN_JSON_LITERAL(w, ",\"url_scheme\":\"https\"");
    else
        REQIN_JSON_LITERAL(w, ",\"url_scheme\":\"http\"");
    write_http_version(w, r->protocol);
    REQIN_JSON_LITERAL(w, ",\"status_code\":");
    reqin_json_number(w, r->status);
    if (content_length != NULL && parse_length(content_length->value.bytes, &request_bytes)) {
        REQIN_JSON_LITERAL(w, ",\"request_bytes\":");
        reqin_json_number(w, request_bytes);
    }
    if (r->ended) {
        REQIN_JSON_LITERAL(w, ",\"response_bytes\":");
        reqin_json_number(w, r->response_bytes);
        REQIN_JSON_LITERAL(w, ",\"duration_us\":");
        reqin_json_number(w, r->duration);
    }
    if (r->tls_version.length > 0) {
        REQIN_JSON_LITERAL(w, ",\"tls_version\":");
        reqin_json_string(w, r->tls_version, 16);
        REQIN_JSON_LITERAL(w, ",\"tls_cipher\":");
        reqin_json_string(w, r->tls_cipher, CIPHER_MAX);
        if (r->tls_resumed)
            REQIN_JSON_LITERAL(w, ",\"tls_resumed\":true");
        else
            REQIN_JSON_LITERAL(w, ",\"tls_resumed\":false");
    }
}

/* The Host header without port in lower case; IPv6 literals keep their brackets. */
static void write_host(reqin_json *w, const reqin_request *r)
{
    const reqin_header *header = find_header(r, reqin_text_of("Host"));
    reqin_text host = header != NULL ? header->value : r->hostname;
    char lower[256];
    reqin_text kept;

    if (host.length > 0 && host.bytes[0] == '[') {
        const char *bracket = memchr(host.bytes, ']', host.length);
        if (bracket != NULL)
            host.length = (size_t)(bracket - host.bytes) + 1;
    } else {
        const char *colon = memchr(host.bytes, ':', host.length);
        if (colon != NULL)
            host.length = (size_t)(colon - host.bytes);
    }
    kept = reqin_text_cut(host, sizeof lower);
    if (kept.length < host.length)
        w->truncated = true;
    for (size_t i = 0; i < kept.length; i++) {
        char byte = kept.bytes[i];
        lower[i] = byte >= 'A' && byte <= 'Z' ? (char)(byte - 'A' + 'a') : byte;
    }
    kept.bytes = lower;
    REQIN_JSON_LITERAL(w, ",\"http_host\":");
    reqin_json_string(w, kept, share(w, 4, HOST_MAX));
}

/* What follows the authority in the absolute form (RFC 9112, section 3.2.2); other forms as they are. */
static reqin_text without_authority(reqin_text target)
{
    size_t scheme = 0;

    if (target.length >= 7 && strncasecmp(target.bytes, "http://", 7) == 0)
        scheme = 7;
    else if (target.length >= 8 && strncasecmp(target.bytes, "https://", 8) == 0)
        scheme = 8;
    if (scheme > 0) {
        size_t i = scheme;
        while (i < target.length && target.bytes[i] != '/' && target.bytes[i] != '?')
            i++;
        target.bytes += i;
        target.length -= i;
    }
    return target;
}

static void write_url_part(reqin_json *w, reqin_text part, bool in_query,
                           const reqin_secrets *secrets)
{
    char shown[REQIN_REDACT_MAX];

    part = reqin_redact(part, in_query, secrets, shown, &w->truncated);
    reqin_json_string(w, part, share(w, 3, TARGET_PART_MAX));
}

static void write_target(reqin_json *w, reqin_text target, const reqin_secrets *secrets)
{
    reqin_text path = without_authority(target);
    const char *mark = memchr(path.bytes, '?', path.length);
    reqin_text query = {NULL, 0};

    if (mark != NULL) {
        query.bytes = mark + 1;
        query.length = path.length - (size_t)(query.bytes - path.bytes);
        path.length = (size_t)(mark - path.bytes);
    }
    REQIN_JSON_LITERAL(w, ",\"url_path\":");
    write_url_part(w, path, false, secrets);
    if (query.bytes != NULL) {
        REQIN_JSON_LITERAL(w, ",\"url_query\":");
        write_url_part(w, query, true, secrets);
    }
}

/* Writes the names that fit into half of what is left, in order; returns how many. */
static size_t write_header_names(reqin_json *w, const reqin_request *r)
{
    size_t room = share(w, 2, REQIN_EVENT_SIZE_MAX);
    size_t i;

    REQIN_JSON_LITERAL(w, ",\"header_names\":[");
    for (i = 0; i < r->header_count; i++) {
        reqin_text whole = r->headers[i].name;
        reqin_text name = reqin_text_cut(whole, NAME_MAX_BYTES);
        reqin_json before = *w;

        if (room < REQIN_QUOTES + 1)
            break;
        if (i > 0)
            REQIN_JSON_LITERAL(w, ",");
        w->truncated = false;
        reqin_json_string(w, name, room - 1);
        if (w->truncated) {
            *w = before;
            break;
        }
        w->truncated = before.truncated || name.length < whole.length;
        room -= (size_t)(w->next - before.next);
    }
    REQIN_JSON_LITERAL(w, "]");
    return i;
}

static bool find_field(const reqin_event_format *format, reqin_text name, size_t *index)
{
    for (size_t i = 0; i < format->field_count; i++) {
        if (same_name(format->fields[i].name, name)) {
            *index = i;
            return true;
        }
    }
    return false;
}

/* A value as it may be shown, in at most `room` bytes. */
static void write_value(reqin_json *w, const reqin_field *field, reqin_text value,
                        const reqin_event_format *format, size_t room)
{
    char shown[REQIN_REDACT_MAX];
    reqin_text kept;

    if (field->redacted) {
        REQIN_JSON_LITERAL(w, "{\"len\":");
        reqin_json_number(w, value.length);
        REQIN_JSON_LITERAL(w, "}");
        return;
    }
    /* The page before this one may have had a token in its address. */
    if (strcmp(field->name.bytes, "referer") == 0)
        value = reqin_redact(value, false, &format->secrets, shown, &w->truncated);
    kept = reqin_text_cut(value, format->value_max);
    if (kept.length < value.length)
        w->truncated = true;
    reqin_json_string(w, kept, room);
}

static void write_header_values(reqin_json *w, const reqin_request *r,
                                const reqin_event_format *format)
{
    /* httpd joins repeated headers, but not where it refused the request: a name is written once. */
    uint64_t written = 0;

    REQIN_JSON_LITERAL(w, ",\"headers\":{");
    for (size_t i = 0; i < r->header_count; i++) {
        const reqin_field *field;
        size_t index, room;

        if (!find_field(format, r->headers[i].name, &index) ||
            (written >> index & 1) != 0)
            continue;
        field = &format->fields[index];
        room = reqin_json_room(w);
        /* 32 bytes hold the punctuation and either the shortest useful value or a length. */
        if (room < RESERVE + field->name.length + 32) {
            w->truncated = true;
            break;
        }
        room -= RESERVE + field->name.length + 4;
        if (written != 0)
            REQIN_JSON_LITERAL(w, ",");
        written |= (uint64_t)1 << index;
        REQIN_JSON_LITERAL(w, "\"");
        reqin_json_raw(w, field->name.bytes, field->name.length);
        REQIN_JSON_LITERAL(w, "\":");
        write_value(w, field, r->headers[i].value, format, room);
    }
    REQIN_JSON_LITERAL(w, "}");
}

/* Names in a Cookie header: the pieces between semicolons that are not empty (RFC 6265, 4.2.1). */
static uint64_t count_cookies(const reqin_request *r)
{
    const reqin_header *header = find_header(r, reqin_text_of("Cookie"));
    const char *s = header != NULL ? header->value.bytes : "";
    uint64_t count = 0;

    while (*s != '\0') {
        s += strspn(s, "; \t");
        if (*s != '\0')
            count++;
        s += strcspn(s, ";");
    }
    return count;
}

static void write_tail(reqin_json *w, const reqin_request *r, size_t names)
{
    REQIN_JSON_LITERAL(w, ",\"cookie_count\":");
    reqin_json_number(w, count_cookies(r));
    if (names < r->header_total) {
        REQIN_JSON_LITERAL(w, ",\"headers_dropped\":");
        reqin_json_number(w, r->header_total - names);
    }
    if (w->truncated)
        REQIN_JSON_LITERAL(w, ",\"truncated\":true");
    if (w->bad_utf8 > 0) {
        REQIN_JSON_LITERAL(w, ",\"bad_utf8\":");
        reqin_json_number(w, w->bad_utf8);
    }
    if (w->control_bytes > 0) {
        REQIN_JSON_LITERAL(w, ",\"control_bytes\":");
        reqin_json_number(w, w->control_bytes);
    }
    REQIN_JSON_LITERAL(w, "}");
}

size_t reqin_request_json(const reqin_request *r, const reqin_event_format *format, char *buffer)
{
    reqin_json writer;
    reqin_json *w = &writer;
    size_t names;

    reqin_json_start(w, buffer, format->event_max);
    reqin_json_raw(w, r->connection.bytes, r->connection.length);
    write_bounded(w, r);
    REQIN_JSON_LITERAL(w, ",\"http_method\":");
    reqin_json_string(w, r->method, share(w, 4, METHOD_MAX));
    write_host(w, r);
    if (r->tls_sni.length > 0) {
        REQIN_JSON_LITERAL(w, ",\"tls_sni\":");
        reqin_json_string(w, r->tls_sni, share(w, 4, SNI_MAX));
    }
    write_target(w, r->target, &format->secrets);
    names = write_header_names(w, r);
    write_header_values(w, r, format);
    write_tail(w, r, names);
    return w->overflow ? 0 : (size_t)(w->next - buffer);
}
