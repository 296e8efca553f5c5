/*
 * Random requests through the event writer, for AddressSanitizer and UndefinedBehaviorSanitizer.
 *
 *   fuzz_event COUNT [SEED]
 *
 * Writes every 64th event to stdout, one a line, for a reader that knows JSON; checks the rest
 * itself: not empty, not longer than its limit, nothing written behind it (the buffer has exactly
 * that size), no control byte, as many quotes as structure needs. Exits with 1 on the first fault.
 */
#include "event.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_MAX 9000
#define HEADERS_MAX 512

static uint64_t state;

/* xorshift64 (Marsaglia 2003): the same numbers everywhere for a seed. */
static uint64_t next_random(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static size_t below(size_t limit)
{
    return (size_t)(next_random() % limit);
}

/* A string of 0..max bytes without NUL on the heap, so that reading past it is seen. */
static char *random_string(size_t max)
{
    static const char hard[] = "\xe2\x82\xac\xf0\x9f\x98\x80\xed\xa0\x80\xc0\xaf\"\\\x01\x7f\xef\xbf";
    const size_t kind = below(5);
    size_t length = below(8) == 0 ? below(max + 1) : below((max < 40 ? max : 40) + 1);
    char *text = malloc(length + 1);

    if (text == NULL)
        abort();
    for (size_t i = 0; i < length; i++) {
        unsigned byte;
        if (kind == 0)
            byte = 32 + (unsigned)below(95);
        else if (kind == 1)
            byte = (unsigned char)hard[i % (sizeof hard - 1)];
        else if (kind == 2)
            byte = 128 + (unsigned)below(128);
        else if (kind == 3)
            byte = 1 + (unsigned)below(31);
        else
            byte = 1 + (unsigned)below(255);
        text[i] = (char)(unsigned char)byte;
    }
    text[length] = '\0';
    return text;
}

static uint64_t random_number(void)
{
    return next_random() >> below(64);
}

static const char *const field_names[] = {"user-agent", "accept", "cookie", "authorization",
                                          "x-forwarded-for"};
static const char *const header_names[] = {"User-Agent", "Accept", "Cookie", "Authorization",
                                           "Host",       "HOST",   "accept", "Content-Length",
                                           "X-Forwarded-For"};
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void random_address(char out[INET6_ADDRSTRLEN])
{
    unsigned char bytes[16];

    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)(below(3) == 0 ? 0 : next_random());
    reqin_address_text(bytes, below(2) == 0 ? 4 : 16, out);
}

static int fault(const char *what, const char *event, size_t length)
{
    fprintf(stderr, "%s:\n", what);
    fwrite(event, 1, length, stderr);
    fputc('\n', stderr);
    return 1;
}

static int check(const char *event, size_t length, size_t max)
{
    bool in_string = false;
    int depth = 0;

    if (length == 0 || length > max)
        return fault("an event of a wrong length", event, length > max ? 0 : length);
    for (size_t i = 0; i < length; i++) {
        unsigned char byte = (unsigned char)event[i];
        if (byte < 0x20)
            return fault("a control byte", event, length);
        if (in_string && byte == '\\')
            i++;
        else if (byte == '"')
            in_string = !in_string;
        else if (!in_string)
            depth += (byte == '{' || byte == '[') - (byte == '}' || byte == ']');
        if (depth == 0 && i + 1 < length)
            return fault("bytes behind the event", event, length);
    }
    return depth == 0 && !in_string ? 0 : fault("an event that is not closed", event, length);
}

/* One random request at a random size; prints the event if asked. */
static int run(bool print)
{
    static const size_t sizes[] = {REQIN_EVENT_SIZE_MIN, REQIN_EVENT_SIZE_MIN + 1, 3000,
                                   REQIN_EVENT_SIZE, REQIN_EVENT_SIZE_MAX};
    char connection_json[REQIN_CONNECTION_JSON_MAX];
    reqin_field fields[COUNT(field_names)];
    reqin_header headers[HEADERS_MAX];
    char *texts[2 * HEADERS_MAX + 8];
    size_t used = 0;
    reqin_connection connection;
    reqin_event_format format;
    reqin_request r;
    char client_ip[INET6_ADDRSTRLEN];
    char *event;
    size_t length;
    int result;

    random_address(connection.src_ip);
    random_address(connection.dest_ip);
    random_address(client_ip);
    connection.src_port = (uint16_t)next_random();
    connection.dest_port = (uint16_t)next_random();
    connection.conn = random_number();
    connection.conn_ts = random_number();
    for (size_t i = 0; i < COUNT(fields); i++) {
        fields[i].name = reqin_text_of(field_names[i]);
        fields[i].redacted = i == 2 || i == 3;
    }
    format.fields = fields;
    format.field_count = COUNT(fields);
    format.value_max = 16 + below(8177);
    format.event_max = sizes[below(COUNT(sizes))];

    memset(&r, 0, sizeof r);
    r.connection.bytes = connection_json;
    r.connection.length = reqin_connection_json(&connection, connection_json);
    if (r.connection.length == 0)
        return fault("a connection that does not fit", "", 0);
    r.origin.pid = (uint32_t)random_number();
    r.origin.seq = random_number();
    r.origin.events_dropped = random_number();
    r.ts = random_number();
    r.req_idx = (uint32_t)random_number();
    if (below(2) == 0) {
        r.client_ip = client_ip;
        r.client_ip_source = "x_forwarded_for";
    }
    r.https = below(2) == 0;
    r.ended = below(4) != 0;
    r.tls_resumed = below(2) == 0;
    r.protocol = (int)next_random();
    r.status = (unsigned)next_random();
    r.response_bytes = random_number();
    r.duration = random_number();
    reqin_text *const parts[] = {&r.method,      &r.target,     &r.hostname,
                                 &r.tls_version, &r.tls_cipher, &r.tls_sni};
    for (size_t i = 0; i < COUNT(parts); i++) {
        texts[used] = random_string(i == 1 ? TEXT_MAX : 400);
        *parts[i] = reqin_text_of(texts[used++]);
    }
    r.header_count = below(10) == 0 ? below(HEADERS_MAX + 1) : below(20);
    r.header_total = r.header_count + below(3);
    for (size_t i = 0; i < r.header_count; i++) {
        if (below(2) == 0) {
            headers[i].name = header_names[below(COUNT(header_names))];
        } else {
            headers[i].name = texts[used++] = random_string(300);
        }
        headers[i].value = texts[used++] = random_string(TEXT_MAX);
    }
    r.headers = headers;

    event = malloc(format.event_max);
    if (event == NULL)
        abort();
    length = reqin_request_json(&r, &format, event);
    result = check(event, length, format.event_max);
    if (result == 0 && print) {
        fwrite(event, 1, length, stdout);
        putchar('\n');
    }
    free(event);
    while (used > 0)
        free(texts[--used]);
    return result;
}

int main(int argc, char **argv)
{
    const long count = argc > 1 ? strtol(argv[1], NULL, 10) : 100000;

    state = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
    if (count <= 0 || state == 0) {
        fprintf(stderr, "usage: fuzz_event COUNT [SEED], both above 0\n");
        return 64;
    }
    for (long i = 0; i < count; i++) {
        if (run(i % 64 == 0) != 0)
            return 1;
    }
    return 0;
}
