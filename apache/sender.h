/*
 * Datagrams to a UNIX socket, never blocking, one descriptor a process and shared by its threads.
 *
 * send() of a datagram is atomic and connect() may be repeated on the same descriptor, so that no
 * lock is needed and no descriptor number is ever reused. A receiver that was restarted has made a
 * new socket file: it is found within the call that notices, with the event that noticed, or, where
 * nobody was there for 64 events, within 20 ms. What arrives while there is no receiver, or while its
 * queue is full, is dropped and counted; where that is known before, it need not be made.
 */
#ifndef REQIN_SENDER_H
#define REQIN_SENDER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

#pragma GCC visibility push(hidden)

/* Longest path of a UNIX socket, without the NUL (unix(7)). */
#define REQIN_PATH_MAX (sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1)

typedef struct {
    const char *path;       /* Absolute, at most REQIN_PATH_MAX bytes. */
    int64_t reconnect_us;   /* Least time between two attempts at the same socket file. */
} reqin_sender_options;

typedef struct {
    reqin_sender_options options;
    struct sockaddr_un address;
    int fd; /* -1 if no socket could be made. */
    uint32_t pid;
    _Atomic uint64_t seq;     /* Events so far, sent or not. */
    _Atomic uint64_t dropped; /* Those that were not sent. */
    _Atomic uint64_t refused; /* The socket file that did, see socket_file() in sender.c. */
    _Atomic int refusal;      /* The errno of that. */
    _Atomic int64_t connect_after;
    _Atomic bool unreached;      /* There is no connection, as far as is known. */
    _Atomic int absence;         /* Why: the errno of the last look. */
    _Atomic int32_t looks;       /* How many in a row found none, up to PATIENCE in sender.c. */
    _Atomic int64_t look_after;  /* When the next is due behind those. */
    _Atomic int32_t patience;    /* With a queue that is full, see note_full() in sender.c. */
    _Atomic int64_t full_until;  /* When a queue that stays full is tried again. */
    _Atomic bool failing;
} reqin_sender;

/* What became of a datagram. */
typedef enum {
    REQIN_SENT,
    REQIN_SENT_AGAIN, /* Sent, and one before was not: until reqin_sender_recovered(). */
    REQIN_DROPPED     /* errno says why. */
} reqin_outcome;

/*
 * Makes the socket of this process and tries to connect; a receiver need not be there. Returns
 * false with errno if there is no socket; everything is then dropped.
 */
bool reqin_sender_open(reqin_sender *sender, const reqin_sender_options *options);

/* Number of the next event of this process, from 1. */
uint64_t reqin_sender_next(reqin_sender *sender);

/*
 * Whether an event is worth making. If not, errno says why: there is no connection, or the queue has
 * been full for so long, and either is left alone for a moment. That answer needs no system call.
 */
bool reqin_sender_ready(reqin_sender *sender);

/* Counts an event that is not made: a number in the sequence, and a dropped one. */
reqin_outcome reqin_sender_skip(reqin_sender *sender);

reqin_outcome reqin_sender_send(reqin_sender *sender, const char *bytes, size_t length);

/* Ends REQIN_SENT_AGAIN until the next drop. */
void reqin_sender_recovered(reqin_sender *sender);

/* Whether this process may write to a log now: true at most once in `interval_us`, for all senders. */
bool reqin_may_report(int64_t interval_us);

#pragma GCC visibility pop

#endif
