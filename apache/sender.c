#include "sender.h"

#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/*
 * Send buffer asked for, bytes: a 1 KiB event is charged about 2.3 KiB, so that the usual 208 KiB
 * hold 92 events of a burst. The kernel caps it at net.core.wmem_max.
 */
#define SEND_BUFFER (1 << 20)

static int64_t monotonic_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/*
 * Whether the time in `after` has come; if so it is set `interval` ahead, by one thread alone.
 * With an interval of 0 it is always everyone's turn.
 */
static bool take_turn(_Atomic int64_t *after, int64_t interval)
{
    int64_t now, due;

    if (interval == 0)
        return true;
    now = monotonic_us();
    due = atomic_load_explicit(after, memory_order_relaxed);
    return now >= due && atomic_compare_exchange_strong(after, &due, now + interval);
}

static bool reach(const reqin_sender *sender)
{
    return connect(sender->fd, (const struct sockaddr *)&sender->address,
                   sizeof sender->address) == 0;
}

bool reqin_sender_open(reqin_sender *sender, const reqin_sender_options *options)
{
    int size = SEND_BUFFER;
    size_t length = strlen(options->path);

    memset(sender, 0, sizeof *sender);
    sender->options = *options;
    sender->pid = (uint32_t)getpid();
    sender->address.sun_family = AF_UNIX;
    if (length > REQIN_PATH_MAX) {
        sender->fd = -1;
        errno = ENAMETOOLONG;
        return false;
    }
    memcpy(sender->address.sun_path, options->path, length);
    sender->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (sender->fd < 0)
        return false;
    /* Neither call need succeed: the buffer stays smaller, the first event connects. */
    (void)setsockopt(sender->fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    (void)reach(sender);
    return true;
}

uint64_t reqin_sender_next(reqin_sender *sender)
{
    return atomic_fetch_add_explicit(&sender->seq, 1, memory_order_relaxed) + 1;
}

/* Whether another connect() may help: the receiver is gone or was never there. */
static bool is_unconnected(int error)
{
    return error == ENOTCONN || error == ECONNREFUSED || error == ECONNRESET || error == EPIPE;
}

static bool send_once(const reqin_sender *sender, const char *bytes, size_t length)
{
    return send(sender->fd, bytes, length, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0;
}

reqin_outcome reqin_sender_send(reqin_sender *sender, const char *bytes, size_t length)
{
    bool sent = send_once(sender, bytes, length);

    /* Without a receiver this costs two failing calls, about 1 us; so every event may ask again. */
    if (!sent && is_unconnected(errno) &&
        take_turn(&sender->connect_after, sender->options.reconnect_us))
        sent = reach(sender) && send_once(sender, bytes, length);
    if (sent) {
        if (atomic_load_explicit(&sender->failing, memory_order_relaxed) &&
            atomic_exchange(&sender->failing, false))
            return REQIN_SENT_AGAIN;
        return REQIN_SENT;
    }
    atomic_fetch_add_explicit(&sender->dropped, 1, memory_order_relaxed);
    atomic_store_explicit(&sender->failing, true, memory_order_relaxed);
    return REQIN_DROPPED;
}

bool reqin_sender_may_report(reqin_sender *sender)
{
    return take_turn(&sender->report_after, sender->options.report_us);
}
