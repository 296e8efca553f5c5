/* For statx(). stat() would tie the module to the C library that it was built with. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include "sender.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/*
 * Send buffer asked for, bytes: a 1 KiB event is charged about 2.3 KiB, so that the usual 208 KiB
 * hold 92 events of a burst. The kernel caps it at net.core.wmem_max.
 */
#define SEND_BUFFER (1 << 20)

/*
 * Where events are not taken, most requests only look at a clock. A look at the socket file costs 1 us,
 * an event that finds the queue full 3 us, either of them 30 us where it comes after a pause and finds
 * nothing in the caches: every 4 ms that was seen in the 99th percentile of a busy server's latency,
 * every 20 ms it is not. After PATIENCE looks in vain one is due each LOOK_US.
 */
#define LOOK_US 20000

/*
 * A queue that was found full so often more than not is left alone for a while: the reader is not
 * there or far slower than the events come. A queue that is full for a moment does not come so far, and
 * in so short a time no such reader empties a queue of 512.
 */
#define PATIENCE 64
#define FULL_REST_US 50000
/* An event that was taken makes up for so many that were not. */
#define PATIENCE_GAIN 8
/* `patience` where the queue rests; on the way back from here it is negative. */
#define PATIENCE_LOST (-PATIENCE)

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

/* Nothing is at the path, or it cannot be seen what is there. */
#define FILE_ABSENT 0
#define FILE_UNKNOWN 1

/*
 * A number for the file at the path that changes when the file is made anew and when its access
 * changes. A receiver makes its socket at each start.
 */
static uint64_t socket_file(const reqin_sender *sender)
{
    struct statx file;
    uint64_t number;

    if (statx(AT_FDCWD, sender->address.sun_path, 0, STATX_INO | STATX_CTIME, &file) != 0)
        return errno == ENOENT ? FILE_ABSENT : FILE_UNKNOWN;
    number = file.stx_ino * 0x9e3779b97f4a7c15U;
    number ^= (uint64_t)file.stx_ctime.tv_sec * 1000000000U + file.stx_ctime.tv_nsec;
    return number > FILE_UNKNOWN ? number : FILE_UNKNOWN;
}

bool reqin_sender_open(reqin_sender *sender, const reqin_sender_options *options)
{
    int size = SEND_BUFFER;
    size_t length = strlen(options->path);

    memset(sender, 0, sizeof *sender);
    sender->options = *options;
    sender->pid = (uint32_t)getpid();
    sender->address.sun_family = AF_UNIX;
    atomic_init(&sender->refusal, ENOTCONN);
    atomic_init(&sender->absence, ENOTCONN);
    atomic_init(&sender->unreached, true);
    atomic_init(&sender->patience, PATIENCE);
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
    if (reach(sender))
        atomic_store_explicit(&sender->unreached, false, memory_order_relaxed);
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

static void note_absence(reqin_sender *sender, bool absent)
{
    const int32_t looks = atomic_load_explicit(&sender->looks, memory_order_relaxed);
    const int32_t next = !absent ? 0 : looks < PATIENCE ? looks + 1 : PATIENCE;

    if (next != looks)
        atomic_store_explicit(&sender->looks, next, memory_order_relaxed);
}

/*
 * Connects if that may help: always to a socket file that has not refused yet, seldom to one that
 * has. errno is why there is no connection.
 */
static bool reach_anew(reqin_sender *sender)
{
    const uint64_t file = socket_file(sender);
    bool reached;

    if (file == FILE_ABSENT) {
        errno = ENOENT;
        reached = false;
    } else if ((file == FILE_UNKNOWN ||
                file == atomic_load_explicit(&sender->refused, memory_order_relaxed)) &&
               !take_turn(&sender->connect_after, sender->options.reconnect_us)) {
        errno = atomic_load_explicit(&sender->refusal, memory_order_relaxed);
        reached = false;
    } else {
        reached = reach(sender);
        if (!reached) {
            atomic_store_explicit(&sender->refusal, errno, memory_order_relaxed);
            atomic_store_explicit(&sender->refused, file, memory_order_relaxed);
        }
    }
    if (!reached)
        atomic_store_explicit(&sender->absence, errno, memory_order_relaxed);
    note_absence(sender, !reached);
    atomic_store_explicit(&sender->unreached, !reached, memory_order_relaxed);
    return reached;
}

/* Where there is no connection: looks whether there can be one, at first with each event, then now and then. */
static bool look_again(reqin_sender *sender)
{
    const int64_t reconnect_us = sender->options.reconnect_us;

    if (atomic_load_explicit(&sender->looks, memory_order_relaxed) < PATIENCE ||
        take_turn(&sender->look_after, reconnect_us < LOOK_US ? reconnect_us : LOOK_US))
        return reach_anew(sender);
    errno = atomic_load_explicit(&sender->absence, memory_order_relaxed);
    return false;
}

bool reqin_sender_ready(reqin_sender *sender)
{
    if (atomic_load_explicit(&sender->unreached, memory_order_relaxed))
        return look_again(sender);
    if (atomic_load_explicit(&sender->patience, memory_order_relaxed) > PATIENCE_LOST ||
        take_turn(&sender->full_until, FULL_REST_US))
        return true;
    errno = EAGAIN;
    return false;
}

/*
 * What is thought of the queue after an event found it full or did not. A queue that has rested rests
 * again at the first event that finds it full, until it has taken PATIENCE / PATIENCE_GAIN in a row.
 * Threads that come here at once may forget each other's event.
 */
static void note_full(reqin_sender *sender, bool is_full)
{
    const int32_t patience = atomic_load_explicit(&sender->patience, memory_order_relaxed);
    int32_t next;

    if (is_full) {
        next = patience > 1 ? patience - 1 : PATIENCE_LOST;
    } else {
        next = patience + PATIENCE_GAIN;
        if (next > PATIENCE || (patience < 0 && next >= 0))
            next = PATIENCE;
    }
    if (next == PATIENCE_LOST)
        (void)take_turn(&sender->full_until, FULL_REST_US);
    if (next != patience)
        atomic_store_explicit(&sender->patience, next, memory_order_relaxed);
}

static reqin_outcome drop(reqin_sender *sender)
{
    atomic_fetch_add_explicit(&sender->dropped, 1, memory_order_relaxed);
    if (!atomic_load_explicit(&sender->failing, memory_order_relaxed))
        atomic_store_explicit(&sender->failing, true, memory_order_relaxed);
    return REQIN_DROPPED;
}

reqin_outcome reqin_sender_skip(reqin_sender *sender)
{
    (void)reqin_sender_next(sender);
    return drop(sender);
}

reqin_outcome reqin_sender_send(reqin_sender *sender, const char *bytes, size_t length)
{
    bool sent = send_once(sender, bytes, length);

    if (!sent && is_unconnected(errno))
        sent = reach_anew(sender) && send_once(sender, bytes, length);
    if (sent || errno == EAGAIN)
        note_full(sender, !sent);
    if (!sent)
        return drop(sender);
    return atomic_load_explicit(&sender->failing, memory_order_relaxed) ? REQIN_SENT_AGAIN
                                                                        : REQIN_SENT;
}

void reqin_sender_recovered(reqin_sender *sender)
{
    atomic_store_explicit(&sender->failing, false, memory_order_relaxed);
}

bool reqin_may_report(int64_t interval_us)
{
    static _Atomic int64_t report_after;

    return take_turn(&report_after, interval_us);
}
