/*
 * The sender against sockets of its own folder, with connect(), send() and statx() counted by the linker's --wrap.
 *
 *   make test
 */
/* For statx(). */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include "sender.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static int attempts, sends;
static long looks;

int __real_connect(int fd, const struct sockaddr *address, socklen_t length);
int __wrap_connect(int fd, const struct sockaddr *address, socklen_t length);

int __wrap_connect(int fd, const struct sockaddr *address, socklen_t length)
{
    attempts++;
    return __real_connect(fd, address, length);
}

ssize_t __real_send(int fd, const void *bytes, size_t length, int flags);
ssize_t __wrap_send(int fd, const void *bytes, size_t length, int flags);

ssize_t __wrap_send(int fd, const void *bytes, size_t length, int flags)
{
    sends++;
    return __real_send(fd, bytes, length, flags);
}

int __real_statx(int folder, const char *path, int flags, unsigned mask, struct statx *file);
int __wrap_statx(int folder, const char *path, int flags, unsigned mask, struct statx *file);

int __wrap_statx(int folder, const char *path, int flags, unsigned mask, struct statx *file)
{
    looks++;
    return __real_statx(folder, path, flags, mask, file);
}

static int receiver(const struct sockaddr_un *address)
{
    const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);

    unlink(address->sun_path);
    assert(fd >= 0 && bind(fd, (const struct sockaddr *)address, sizeof *address) == 0);
    return fd;
}

static reqin_outcome send_one(reqin_sender *sender)
{
    if (!reqin_sender_ready(sender))
        return reqin_sender_skip(sender);
    (void)reqin_sender_next(sender);
    return reqin_sender_send(sender, "event", 5);
}

/* More than the coarse clock moves in a tick. */
static void pause_ms(long ms)
{
    const struct timespec time = {ms / 1000, ms % 1000 * 1000000};

    nanosleep(&time, NULL);
}

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int main(void)
{
    char folder[] = "/tmp/sender_test.XXXXXX";
    char path[64];
    char buffer[8];
    reqin_sender sender;
    reqin_sender_options options = {path, 200000};
    uint64_t seq, dropped;
    int64_t start;
    int fd;

    assert(mkdtemp(folder) != NULL);
    snprintf(path, sizeof path, "%s/socket", folder);

    /* Nothing is there: nothing is tried, everything is counted. */
    assert(reqin_sender_open(&sender, &options));
    attempts = 0;
    for (int i = 0; i < 10; i++)
        assert(send_one(&sender) == REQIN_DROPPED && errno == ENOENT);
    assert(attempts == 0 && sends == 0 && looks == 10);
    assert(atomic_load(&sender.dropped) == 10 && atomic_load(&sender.seq) == 10);

    /* However many events come, after 64 the path is looked at now and then alone. */
    looks = 0;
    start = now_ms();
    for (int i = 0; i < 100000; i++)
        assert(send_one(&sender) == REQIN_DROPPED && errno == ENOENT);
    assert(looks >= 54 && looks <= 54 + (now_ms() - start) / 20 + 2);

    /* A new file is tried within that time, with the event that found it. */
    fd = receiver(&sender.address);
    pause_ms(50);
    assert(send_one(&sender) == REQIN_SENT_AGAIN && attempts == 1);
    assert(recv(fd, buffer, sizeof buffer, 0) == 5);
    assert(send_one(&sender) == REQIN_SENT_AGAIN);
    reqin_sender_recovered(&sender);
    assert(send_one(&sender) == REQIN_SENT && attempts == 1);

    /* A file whose receiver has died refuses: two attempts at once, then one in the interval. */
    close(fd);
    attempts = 0;
    for (int i = 0; i < 10; i++)
        assert(send_one(&sender) == REQIN_DROPPED && errno == ECONNREFUSED);
    assert(attempts == 2);
    pause_ms(250);
    for (int i = 0; i < 10; i++)
        assert(send_one(&sender) == REQIN_DROPPED);
    assert(attempts == 3);

    /* The receiver's next start, within the interval. */
    fd = receiver(&sender.address);
    assert(send_one(&sender) == REQIN_SENT_AGAIN && attempts == 4);
    reqin_sender_recovered(&sender);

    /* A full queue is no reason to connect. */
    attempts = 0;
    while (send_one(&sender) == REQIN_SENT)
        continue;
    assert(errno == EAGAIN && attempts == 0);

    /* One that stays full is left alone after 64 tries, but not for long; each event is counted. */
    seq = atomic_load(&sender.seq);
    dropped = atomic_load(&sender.dropped);
    sends = 0;
    for (int i = 0; i < 100000; i++)
        assert(send_one(&sender) == REQIN_DROPPED && errno == EAGAIN);
    assert(sends >= 63 && sends < 1000);
    assert(atomic_load(&sender.dropped) == dropped + 100000);
    assert(atomic_load(&sender.seq) == seq + 100000);

    /* The reader's next start is found by the next try. */
    close(fd);
    fd = receiver(&sender.address);
    attempts = 0;
    pause_ms(100);
    assert(send_one(&sender) == REQIN_SENT_AGAIN && attempts == 1);
    while (send_one(&sender) != REQIN_DROPPED || atomic_load(&sender.patience) > 0)
        continue;
    attempts = 0;

    /* A place in it is found; behind it one try tells that there are no more. */
    assert(recv(fd, buffer, sizeof buffer, 0) == 5);
    pause_ms(100);
    start = now_ms();
    assert(send_one(&sender) == REQIN_SENT_AGAIN);
    sends = 0;
    for (int i = 0; i < 8; i++)
        assert(send_one(&sender) == REQIN_DROPPED);
    assert(sends == 1 || now_ms() - start > 30);

    /* Eight events taken in a row, and it is tried as before. */
    for (int i = 0; i < 8; i++)
        assert(recv(fd, buffer, sizeof buffer, 0) == 5);
    pause_ms(100);
    for (int i = 0; i < 8; i++)
        assert(send_one(&sender) == REQIN_SENT_AGAIN);
    sends = 0;
    for (int i = 0; i < 63; i++)
        assert(send_one(&sender) == REQIN_DROPPED);
    assert(sends == 63);

    /* A file that is removed under a living receiver does not matter. */
    unlink(path);
    while (recv(fd, buffer, sizeof buffer, 0) == 5)
        continue;
    pause_ms(100);
    assert(send_one(&sender) == REQIN_SENT_AGAIN && attempts == 0);

    /* One report in an interval. */
    assert(reqin_may_report(200000) && !reqin_may_report(200000));
    pause_ms(250);
    assert(reqin_may_report(200000) && !reqin_may_report(200000));
    rmdir(folder);
    return 0;
}
