/*
 * Requests made of a fuzzer's bytes through the event writer, for libFuzzer with AddressSanitizer
 * and UndefinedBehaviorSanitizer (clang).
 *
 *   make fuzz && .libs/fuzz_event -max_total_time=60 -max_len=8192 -dict=fuzz_event.dict
 *
 * Each text is a block of its own on the heap, so that one byte too far is seen, and the buffer has
 * exactly the size of the event. A fault is an event that is not one JSON value in valid UTF-8, or
 * one in which a planted credential can be read.
 */
/* For memmem(). */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include "event.h"
#include "received.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEADERS_MAX 600
#define TEXTS_MAX (2 * HEADERS_MAX + 16)
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Its last byte is in no other text. */
#define CREDENTIAL "Cr3d3nt1al~"
#define CREDENTIAL_END '~'

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is left of the input, and the texts made of it. */
typedef struct {
    const uint8_t *next;
    size_t left;
    char *texts[TEXTS_MAX];
    size_t count;
} source;

static uint8_t take_byte(source *s)
{
    if (s->left == 0)
        return 0;
    s->left--;
    return *s->next++;
}

static uint64_t take_number(source *s)
{
    uint64_t number = 0;

    for (unsigned i = take_byte(s) % 9; i > 0; i--)
        number = number << 8 | take_byte(s);
    return number;
}

static char *keep(source *s, char *text)
{
    if (text == NULL || s->count == TEXTS_MAX)
        abort();
    s->texts[s->count++] = text;
    return text;
}

/* A text without NUL and "~": its length first, in one byte or, from 240 on, in two; repeated if it is long. */
static char *take_text(source *s)
{
    const uint8_t first = take_byte(s);
    const size_t length =
        first < 240 ? first : (size_t)(first - 240) * 2048 + (size_t)take_byte(s) * 8;
    const size_t given = length < s->left ? length : s->left;
    char *text = keep(s, malloc(length + 1));

    for (size_t i = 0; i < length; i++) {
        const uint8_t byte = given > 0 ? s->next[i % given] : 'x';
        text[i] = (char)(byte != 0 && byte != CREDENTIAL_END ? byte : '%');
    }
    text[length] = '\0';
    s->next += given;
    s->left -= given;
    return text;
}

/* A part of a text as a text of its own. */
static char *keep_part(source *s, reqin_text part)
{
    char *text = keep(s, malloc(part.length + 1));

    memcpy(text, part.bytes, part.length);
    text[part.length] = '\0';
    return text;
}

static char *joined(source *s, const char *before, const char *text, const char *behind)
{
    const size_t size = strlen(before) + strlen(text) + strlen(behind) + 1;
    char *whole = keep(s, malloc(size));

    snprintf(whole, size, "%s%s%s", before, text, behind);
    return whole;
}

static _Noreturn void fault(const char *what, const char *event, size_t length)
{
    fprintf(stderr, "%s:\n", what);
    fwrite(event, 1, length, stderr);
    fputc('\n', stderr);
    abort();
}

/* A reader of JSON as strict as RFC 8259; a place of NULL means that there is none. */

static const unsigned char *read_value(const unsigned char *s, const unsigned char *end);

/* Behind the character of UTF-8 at `s` (Unicode, table 3-7). */
static const unsigned char *read_character(const unsigned char *s, const unsigned char *end)
{
    static const struct {
        unsigned char first_min, first_max, second_min, second_max;
        int length;
    } forms[] = {
        {0x00, 0x7f, 0, 0, 1},       {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
        {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
        {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
    };

    for (size_t i = 0; i < COUNT(forms); i++) {
        if (*s < forms[i].first_min || *s > forms[i].first_max)
            continue;
        if (end - s < forms[i].length)
            return NULL;
        if (forms[i].length > 1 && (s[1] < forms[i].second_min || s[1] > forms[i].second_max))
            return NULL;
        for (int k = 2; k < forms[i].length; k++) {
            if (s[k] < 0x80 || s[k] > 0xbf)
                return NULL;
        }
        return s + forms[i].length;
    }
    return NULL;
}

static const unsigned char *read_string(const unsigned char *s, const unsigned char *end)
{
    if (s == end || *s++ != '"')
        return NULL;
    while (s != NULL && s < end && *s != '"') {
        if (*s < 0x20)
            return NULL;
        if (*s != '\\') {
            s = read_character(s, end);
        } else if (end - s >= 6 && s[1] == 'u' &&
                   strspn((const char *)s + 2, "0123456789abcdef") >= 4) {
            s += 6;
        } else if (end - s >= 2 && (s[1] == '"' || s[1] == '\\')) {
            s += 2;
        } else {
            return NULL;
        }
    }
    return s != NULL && s < end ? s + 1 : NULL;
}

/* Members of an object (`named`) or elements of an array, from behind the opening bracket. */
static const unsigned char *read_list(const unsigned char *s, const unsigned char *end, bool named)
{
    const unsigned char close = named ? '}' : ']';

    if (s < end && *s == close)
        return s + 1;
    while (s != NULL && s < end) {
        if (named) {
            s = read_string(s, end);
            if (s == NULL || s == end || *s++ != ':')
                return NULL;
        }
        s = read_value(s, end);
        if (s == NULL || s == end)
            return NULL;
        if (*s == close)
            return s + 1;
        if (*s++ != ',')
            return NULL;
    }
    return NULL;
}

static const unsigned char *read_value(const unsigned char *s, const unsigned char *end)
{
    static const char *const words[] = {"true", "false"};
    const unsigned char *first = s;

    if (s == end)
        return NULL;
    if (*s == '"')
        return read_string(s, end);
    if (*s == '{' || *s == '[')
        return read_list(s + 1, end, *s == '{');
    for (size_t i = 0; i < COUNT(words); i++) {
        const size_t length = strlen(words[i]);
        if ((size_t)(end - s) >= length && memcmp(s, words[i], length) == 0)
            return s + length;
    }
    while (s < end && *s >= '0' && *s <= '9')
        s++;
    /* No number of ours has a sign, a fraction or a leading zero. */
    return s > first && (*first != '0' || s == first + 1) ? s : NULL;
}

static void check(const char *event, size_t length, size_t max)
{
    const unsigned char *s = (const unsigned char *)event;

    if (length == 0 || length > max)
        fault("an event of a wrong length", event, length > max ? 0 : length);
    if (*s != '{' || read_value(s, s + length) != s + length)
        fault("an event that is not JSON", event, length);
    if (memmem(event, length, CREDENTIAL, strlen(CREDENTIAL)) != NULL)
        fault("an event with a credential", event, length);
}

static void take_address(source *s, char out[INET6_ADDRSTRLEN])
{
    unsigned char bytes[16];

    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = take_byte(s);
    reqin_address_text(bytes, take_byte(s) % 2 == 0 ? 4 : 16, out);
}

static reqin_header take_header(source *s)
{
    static const char *const names[] = {"User-Agent", "Accept", "Cookie",         "Authorization",
                                        "Host",       "HOST",   "Content-Length", "Referer"};
    static const struct {
        const char *name, *before, *behind;
    } planted[] = {
        {"Cookie", "sid=" CREDENTIAL, ""},
        {"AUTHORIZATION", CREDENTIAL, ""},
        {"Referer", "https://h/", "?token=" CREDENTIAL},
        {"Referer", "/?x&PassWord=" CREDENTIAL "&", ""},
    };
    const uint8_t kind = take_byte(s);
    const char *name;
    const char *value = take_text(s);
    reqin_header header;

    if (kind < 8) {
        name = names[kind];
    } else if (kind < 12) {
        name = planted[kind - 8].name;
        /* A text with a query would make what is planted a part of another name. */
        if (strpbrk(value, "=?") == NULL)
            value = joined(s, planted[kind - 8].before, value, planted[kind - 8].behind);
    } else {
        name = take_text(s);
    }
    header.name = reqin_text_of(name);
    header.value = reqin_text_of(value);
    return header;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const reqin_field fields[] = {
        {{"cookie", 6}, true},      {{"authorization", 13}, true}, {{"user-agent", 10}, false},
        {{"referer", 7}, false},    {{"accept", 6}, false},        {{"x", 1}, false},
    };
    static const reqin_text secrets[] = {{"token", 5}, {"password", 8}};
    static const size_t sizes[] = {REQIN_EVENT_SIZE_MIN, REQIN_EVENT_SIZE_MIN + 1, 3000,
                                   REQIN_EVENT_SIZE, REQIN_EVENT_SIZE_MAX};
    source s = {data, size, {NULL}, 0};
    reqin_header headers[HEADERS_MAX];
    char connection_json[REQIN_CONNECTION_JSON_MAX];
    char client_ip[INET6_ADDRSTRLEN];
    reqin_connection connection;
    reqin_event_format format;
    reqin_request r;
    uint8_t flags;
    char *event;
    size_t length;

    memset(&r, 0, sizeof r);
    flags = take_byte(&s);
    format.fields = fields;
    format.field_count = COUNT(fields);
    format.secrets.names = secrets;
    format.secrets.count = COUNT(secrets);
    format.event_max = sizes[take_byte(&s) % COUNT(sizes)];
    format.value_max = 16 + take_number(&s) % 8177;

    take_address(&s, connection.src_ip);
    take_address(&s, connection.dest_ip);
    take_address(&s, client_ip);
    connection.src_port = (uint16_t)take_number(&s);
    connection.dest_port = (uint16_t)take_number(&s);
    connection.conn = take_number(&s);
    connection.conn_ts = take_number(&s);
    r.connection.bytes = connection_json;
    r.connection.length = reqin_connection_json(&connection, connection_json);
    if (r.connection.length == 0)
        fault("a connection that does not fit", "", 0);

    r.origin.pid = (uint32_t)take_number(&s);
    r.origin.seq = take_number(&s);
    r.origin.events_dropped = take_number(&s);
    r.ts = take_number(&s);
    r.req_idx = (uint32_t)take_number(&s);
    r.client_ip = (flags & 1) != 0 ? client_ip : NULL;
    r.client_ip_source = "x_forwarded_for";
    if (!reqin_names_address(client_ip, client_ip) && client_ip[0] != '\0')
        fault("an address that is not in a list of it alone", client_ip, strlen(client_ip));
    (void)reqin_names_address(take_text(&s), client_ip);
    r.https = (flags & 2) != 0;
    r.ended = (flags & 4) != 0;
    r.tls_resumed = (flags & 8) != 0;
    r.protocol = (int)take_number(&s);
    r.status = (unsigned)take_number(&s);
    r.response_bytes = take_number(&s);
    r.duration = take_number(&s);
    if ((flags & 8) != 0) {
        reqin_request_line(reqin_text_of(take_text(&s)), &r.method, &r.target);
        r.target = reqin_text_of(keep_part(&s, r.target));
    } else {
        r.method = reqin_text_of(take_text(&s));
        r.target = reqin_text_of(take_text(&s));
    }
    if ((flags & 16) != 0 && strpbrk(r.target.bytes, "=?") == NULL)
        r.target = reqin_text_of(joined(&s, "/", r.target.bytes, "?a=b&%54oken=" CREDENTIAL "/?"));
    r.hostname = reqin_text_of(take_text(&s));
    r.tls_version = reqin_tls_version(reqin_text_of(take_text(&s)));
    r.tls_cipher = reqin_text_of(take_text(&s));
    r.tls_sni = reqin_text_of(take_text(&s));
    while (s.left > 0 && r.header_count < HEADERS_MAX - 1)
        headers[r.header_count++] = take_header(&s);
    r.headers = headers;
    r.header_total = r.header_count + (flags >> 5);

    event = malloc(format.event_max);
    if (event == NULL)
        abort();
    length = reqin_request_json(&r, &format, event);
    check(event, length, format.event_max);
    length = reqin_connection_end_json(r.connection, &r.origin, r.ts, event,
                                       REQIN_CONNECTION_JSON_MAX + 128);
    check(event, length, REQIN_CONNECTION_JSON_MAX + 128);
    free(event);
    while (s.count > 0)
        free(s.texts[--s.count]);
    return 0;
}
