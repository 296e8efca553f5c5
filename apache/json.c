#include "json.h"

/* The longest piece that one byte can become: the escape "\u001f". */
#define ESCAPE_MAX 6

void reqin_json_start(reqin_json *w, char *buffer, size_t size)
{
    memset(w, 0, sizeof *w);
    w->next = buffer;
    w->end = buffer + size;
}

void reqin_json_number(reqin_json *w, uint64_t value)
{
    char digits[20];
    size_t first = sizeof digits;

    do {
        digits[--first] = (char)('0' + value % 10);
        value /= 10;
    } while (value != 0);
    reqin_json_raw(w, digits + first, sizeof digits - first);
}

static bool is_continuation(unsigned char byte)
{
    return (byte & 0xc0) == 0x80;
}

/*
 * Length of the UTF-8 character that starts at `s`, 0 if there is none (Unicode 15, table 3-7: no
 * overlong forms, no surrogates, nothing above U+10FFFF).
 */
static size_t utf8_length(const unsigned char *s, size_t length)
{
    if (s[0] < 0x80)
        return 1;
    if (s[0] < 0xc2 || s[0] > 0xf4 || length < 2 || !is_continuation(s[1]))
        return 0;
    if (s[0] < 0xe0)
        return 2;
    if (length < 3 || !is_continuation(s[2]))
        return 0;
    if (s[0] < 0xf0) {
        if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f))
            return 0;
        return 3;
    }
    if (length < 4 || !is_continuation(s[3]))
        return 0;
    if ((s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
        return 0;
    return 4;
}

/* Bytes that stand for themselves in a JSON string and are characters of their own. */
static bool is_plain(unsigned char byte)
{
    return byte >= 0x20 && byte < 0x7f && byte != '"' && byte != '\\';
}

/* A tab may stand in the value of a header (RFC 9110, section 5.5). */
static bool is_control(unsigned char byte)
{
    return (byte < 0x20 && byte != '\t') || byte == 0x7f;
}

/*
 * Length of the plain bytes that `s` begins with: eight at a time, as long as none of them is below
 * 0x20, above 0x7e, a quote or a backslash. A borrow may mark a plain byte behind one that is not;
 * never the first that is not, and the bytes of that eight are then looked at one by one.
 */
static size_t plain_run(const unsigned char *s, size_t length)
{
    const uint64_t ones = 0x0101010101010101U;
    const uint64_t high = 0x8080808080808080U;
    size_t n = 0;

    for (; length - n >= 8; n += 8) {
        uint64_t eight, quotes, slashes;

        memcpy(&eight, s + n, sizeof eight);
        quotes = eight ^ ones * '"';
        slashes = eight ^ ones * '\\';
        /* Adding 1 carries 0x7f into the high bit; the other sums end below 0x80. */
        if (((eight | (eight + ones) | (eight - ones * 0x20) | (quotes - ones) |
              (slashes - ones)) &
             high) != 0)
            break;
    }
    while (n < length && is_plain(s[n]))
        n++;
    return n;
}

/* Writes the form of a byte that is ASCII but not plain into `out`; returns its length. */
static size_t escape(unsigned char byte, char out[ESCAPE_MAX])
{
    static const char hex[] = "0123456789abcdef";

    out[0] = '\\';
    if (byte == '"' || byte == '\\') {
        out[1] = (char)byte;
        return 2;
    }
    out[1] = 'u';
    out[2] = '0';
    out[3] = '0';
    out[4] = hex[byte >> 4];
    out[5] = hex[byte & 15];
    return ESCAPE_MAX;
}

void reqin_json_string(reqin_json *w, reqin_text text, size_t room)
{
    const unsigned char *s = (const unsigned char *)text.bytes;
    size_t left = text.length;

    if (room > reqin_json_room(w))
        room = reqin_json_room(w);
    if (room < REQIN_QUOTES) {
        w->overflow = true;
        return;
    }
    room -= REQIN_QUOTES;
    *w->next++ = '"';
    while (left > 0) {
        char form[ESCAPE_MAX];
        const char *piece = (const char *)s;
        size_t taken = plain_run(s, left);
        size_t piece_length = taken;

        if (taken > room) {
            taken = piece_length = room;
            if (room == 0)
                break;
        } else if (taken == 0) {
            taken = utf8_length(s, left);
            piece_length = taken;
            if (taken == 0) {
                taken = 1;
                piece = "\xef\xbf\xbd"; /* U+FFFD */
                piece_length = 3;
            } else if (taken == 1) {
                piece_length = escape(*s, form);
                piece = form;
            }
            if (piece_length > room)
                break;
            if (piece == form)
                w->control_bytes += is_control(*s);
            else if (piece != (const char *)s)
                w->bad_utf8++;
        }
        memcpy(w->next, piece, piece_length);
        w->next += piece_length;
        room -= piece_length;
        s += taken;
        left -= taken;
    }
    *w->next++ = '"';
    if (left > 0)
        w->truncated = true;
}

reqin_text reqin_text_cut(reqin_text text, size_t max)
{
    size_t start;

    if (text.length <= max)
        return text;
    /* A character has at most 4 bytes: if one starts in the last three and ends behind, it goes too. */
    for (start = max; start > 0 && max - start < 3;) {
        start--;
        if (!is_continuation((unsigned char)text.bytes[start])) {
            size_t length =
                utf8_length((const unsigned char *)text.bytes + start, text.length - start);
            if (start + length > max)
                max = start;
            break;
        }
    }
    text.length = max;
    return text;
}

reqin_text reqin_text_of(const char *string)
{
    reqin_text text = {string != NULL ? string : "", 0};

    text.length = strlen(text.bytes);
    return text;
}
