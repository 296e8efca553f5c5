#include "redact.h"

#include <string.h>

/* Room to cut the copy between characters. */
#define UTF8_MAX 4

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* The name as a server reads it, lower case, in `out`; its length, or 0 if it is too long. */
static size_t plain_name(reqin_text name, char out[REQIN_SECRET_NAME_MAX])
{
    size_t n = 0;

    for (size_t i = 0; i < name.length; i++, n++) {
        char c = name.bytes[i];

        if (n == REQIN_SECRET_NAME_MAX)
            return 0;
        if (c == '%' && name.length - i > 2) {
            const int high = hex_digit(name.bytes[i + 1]);
            const int low = hex_digit(name.bytes[i + 2]);

            if (high >= 0 && low >= 0) {
                c = (char)(unsigned char)(high * 16 + low);
                i += 2;
            }
        }
        out[n] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
    }
    return n;
}

static bool is_secret(reqin_text name, const reqin_secrets *secrets)
{
    char plain[REQIN_SECRET_NAME_MAX];
    const size_t length = plain_name(name, plain);

    for (size_t i = 0; i < secrets->count; i++) {
        if (secrets->names[i].length == length &&
            memcmp(secrets->names[i].bytes, plain, length) == 0)
            return true;
    }
    return false;
}

/* Length of what stands at `s` up to the next separator. */
static size_t piece_length(const char *s, size_t length, bool in_query)
{
    size_t n = 0;

    while (n < length) {
        const char c = s[n];

        if (c == ';' || (in_query ? c == '&' : c == '/' || c == '?'))
            break;
        n++;
    }
    return n;
}

/*
 * Finds the next secret value at or behind `*at`: `*at` becomes its place, the result its length.
 * 0 if there is none. `*in_query` is where the search stands.
 */
static size_t next_secret(reqin_text url, size_t *at, bool *in_query, const reqin_secrets *secrets)
{
    size_t from = *at;

    while (from < url.length) {
        reqin_text piece = {url.bytes + from, 0};
        const char *equals;

        piece.length = piece_length(piece.bytes, url.length - from, *in_query);
        equals = memchr(piece.bytes, '=', piece.length);
        if (equals != NULL) {
            reqin_text name = {piece.bytes, (size_t)(equals - piece.bytes)};
            const size_t value = piece.length - name.length - 1;

            if (value > 0 && is_secret(name, secrets)) {
                *at = from + name.length + 1;
                return value;
            }
        }
        from += piece.length + 1;
        if (from <= url.length && url.bytes[from - 1] == '?')
            *in_query = true;
    }
    return 0;
}

/* Appends as much as fits. */
static void append(reqin_text *copy, char *buffer, const char *bytes, size_t length, bool *cut)
{
    size_t room = REQIN_REDACT_MAX - copy->length;

    if (length > room) {
        length = room;
        *cut = true;
    }
    memcpy(buffer + copy->length, bytes, length);
    copy->length += length;
}

reqin_text reqin_redact(reqin_text url, bool in_query, const reqin_secrets *secrets, char *buffer,
                        bool *cut)
{
    reqin_text copy = {buffer, 0};
    size_t copied = 0, at = 0, length;
    bool too_long = false;

    if (url.length == 0 || memchr(url.bytes, '=', url.length) == NULL)
        return url;
    while ((length = next_secret(url, &at, &in_query, secrets)) > 0) {
        append(&copy, buffer, url.bytes + copied, at - copied, &too_long);
        append(&copy, buffer, "*", 1, &too_long);
        copied = at += length;
    }
    if (copied == 0)
        return url;
    append(&copy, buffer, url.bytes + copied, url.length - copied, &too_long);
    if (too_long) {
        copy = reqin_text_cut(copy, REQIN_REDACT_MAX - UTF8_MAX);
        *cut = true;
    }
    return copy;
}
