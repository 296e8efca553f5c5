#include "received.h"

#include "event.h"

#include <arpa/inet.h>
#include <string.h>

void reqin_request_line(reqin_text line, reqin_text *method, reqin_text *target)
{
    /* Behind every text that httpd gives is a NUL. */
    const char *s = line.bytes;

    method->bytes = s;
    method->length = strcspn(s, " ");
    s += method->length;
    s += strspn(s, " ");
    target->bytes = s;
    target->length = strcspn(s, " ");
}

bool reqin_names_address(const char *list, const char *text)
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

reqin_text reqin_tls_version(reqin_text protocol)
{
    if (protocol.length == 5 && memcmp(protocol.bytes, "TLSv1", 5) == 0)
        return reqin_text_of("1.0");
    if (protocol.length > 4 && memcmp(protocol.bytes, "TLSv", 4) == 0)
        return reqin_text_of(protocol.bytes + 4);
    if (protocol.length == 5 && memcmp(protocol.bytes, "SSLv3", 5) == 0)
        return reqin_text_of("ssl3");
    return protocol;
}
