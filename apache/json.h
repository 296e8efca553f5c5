/*
 * A JSON writer over a buffer of fixed size, for text that a client chose.
 *
 * In: bytes of any kind. Out: valid UTF-8 and valid JSON, whatever the bytes and however small the
 * buffer. A string that does not fit its room is cut between characters and closed; a piece that
 * does not fit at all is left out whole and the writer is marked, so that no half event is sent.
 */
#ifndef REQIN_JSON_H
#define REQIN_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#pragma GCC visibility push(hidden)

typedef struct {
    char *next;        /* Where the next byte goes. */
    char *end;         /* One past the last byte of the buffer. */
    uint32_t bad_utf8;      /* Bytes that were not UTF-8 and became U+FFFD. */
    uint32_t control_bytes; /* Bytes below 0x20 but the tab, and 0x7f; they became escapes. */
    bool truncated;         /* Some text was cut to its room. */
    bool overflow;          /* Some piece did not fit: what was written is not whole. */
} reqin_json;

/* A number of bytes that need not end with NUL. */
typedef struct {
    const char *bytes;
    size_t length;
} reqin_text;

/* Bytes that the shortest JSON string needs: its quotes. */
#define REQIN_QUOTES ((size_t)2)

void reqin_json_start(reqin_json *w, char *buffer, size_t size);

/* Bytes that still fit. */
static inline size_t reqin_json_room(const reqin_json *w)
{
    return (size_t)(w->end - w->next);
}

/* Writes bytes that are JSON already. Here, so that a constant becomes a few stores. */
static inline void reqin_json_raw(reqin_json *w, const char *bytes, size_t length)
{
    if (reqin_json_room(w) < length) {
        w->overflow = true;
        return;
    }
    memcpy(w->next, bytes, length);
    w->next += length;
}

/* The same for a string constant. */
#define REQIN_JSON_LITERAL(w, constant) reqin_json_raw((w), "" constant, sizeof(constant) - 1)

void reqin_json_number(reqin_json *w, uint64_t value);

/* Writes `text` as a string of at most `room` bytes, quotes and escapes included; cut if longer. */
void reqin_json_string(reqin_json *w, reqin_text text, size_t room);

/* `text` cut to at most `max` bytes, not inside a UTF-8 character. */
reqin_text reqin_text_cut(reqin_text text, size_t max);

/* A text up to the NUL; the empty one for NULL. */
reqin_text reqin_text_of(const char *string);

#pragma GCC visibility pop

#endif
