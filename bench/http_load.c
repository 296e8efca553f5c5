/*
 * Requests to a few ports of one web server in turn, for bench/module_bench.ts: what each costs the server's process and
 * how long it takes.
 *
 *   cc -O2 -pthread -o http_load http_load.c -lssl -lcrypto
 *   http_load PID ROUNDS REQUESTS CONNECTIONS tcp|tls PORT... < REQUEST
 *
 * Each port has CONNECTIONS connections that stay, and a thread for each; a thread asks, waits for the answer and asks
 * again. In a round REQUESTS go to one port, then as many to the next, in an order that changes. A line on stdout is what
 * one port had in one round:
 *
 *   port requests cpu_ns wall_ns p50_ns p99_ns
 *
 * cpu_ns is that of the process PID, which must be the one that answers. p50_ns and p99_ns leave out the first WARM requests:
 * they meet threads that slept and caches that another port has filled, and are as many as the hundredth part of a turn. The
 * last byte of an answer must be LAST, and be in no other place of it.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define LAST '~'
#define WARM 16
#define PORTS_MAX 8
#define CONNECTIONS_MAX 64
/* The server is given so long, microseconds, to finish what it does after its last answer. */
#define REST_US 300

typedef struct {
    int fd;
    SSL *tls; /* NULL without TLS. */
} line;

static char request[16384];
static size_t request_length;
static size_t connections;
static line lines[PORTS_MAX][CONNECTIONS_MAX];

/* The port whose turn it is, and what is left to ask it. */
static size_t turn_port;
static _Atomic long turn_left;
static long turn_timed; /* So many at its end have a time. */
static pthread_barrier_t barrier;

/* Microseconds would be too coarse: nanoseconds of each request of a round. */
static uint64_t *times[PORTS_MAX];
static _Atomic size_t taken[PORTS_MAX];

static void fail(const char *what)
{
    fprintf(stderr, "http_load: Cannot %s: %s\n", what, strerror(errno));
    exit(1);
}

static uint64_t now_ns(clockid_t clock)
{
    struct timespec now;

    if (clock_gettime(clock, &now) != 0)
        fail("read a clock");
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static line open_line(uint16_t port, SSL_CTX *tls)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    const int one = 1;
    line made = {socket(AF_INET, SOCK_STREAM, 0), NULL};

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (made.fd < 0 || connect(made.fd, (struct sockaddr *)&address, sizeof address) != 0)
        fail("connect");
    (void)setsockopt(made.fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (tls != NULL) {
        made.tls = SSL_new(tls);
        if (made.tls == NULL || SSL_set_fd(made.tls, made.fd) != 1 || SSL_connect(made.tls) != 1)
            fail("agree on TLS");
    }
    return made;
}

static void exchange(const line *to)
{
    char answer[65536];
    ssize_t n = to->tls != NULL ? SSL_write(to->tls, request, (int)request_length)
                                : send(to->fd, request, request_length, MSG_NOSIGNAL);

    if (n != (ssize_t)request_length)
        fail("send");
    do {
        n = to->tls != NULL ? SSL_read(to->tls, answer, sizeof answer)
                            : recv(to->fd, answer, sizeof answer, 0);
        if (n <= 0) {
            /* TLS leaves none; without a byte the server has closed. */
            if (n == 0 || errno == 0)
                errno = ECONNRESET;
            fail("receive");
        }
    } while (answer[n - 1] != LAST);
}

static void *ask(void *argument)
{
    const size_t own = (size_t)(uintptr_t)argument;

    for (;;) {
        size_t port;
        long left;

        pthread_barrier_wait(&barrier);
        port = turn_port;
        while ((left = atomic_fetch_sub(&turn_left, 1)) > 0) {
            const uint64_t start = now_ns(CLOCK_MONOTONIC);

            exchange(&lines[port][own]);
            if (left <= turn_timed)
                times[port][atomic_fetch_add(&taken[port], 1)] = now_ns(CLOCK_MONOTONIC) - start;
        }
        pthread_barrier_wait(&barrier);
    }
    return NULL;
}

static int by_size(const void *a, const void *b)
{
    const uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

    return (left > right) - (left < right);
}

static long number(const char *text, long max)
{
    char *end;
    const long value = strtol(text, &end, 10);

    if (*text == '\0' || *end != '\0' || value < 1 || value > max) {
        fprintf(stderr, "http_load: Cannot use \"%s\": expected a number from 1 to %ld\n", text, max);
        exit(64);
    }
    return value;
}

int main(int count, char **arguments)
{
    const size_t ports = count > 6 ? (size_t)count - 6 : 0;
    SSL_CTX *tls = NULL;
    clockid_t server;
    long rounds, requests;

    if (ports < 1 || ports > PORTS_MAX) {
        fputs("Usage: http_load PID ROUNDS REQUESTS CONNECTIONS tcp|tls PORT...\n", stderr);
        return 64;
    }
    if (clock_getcpuclockid((pid_t)number(arguments[1], 1 << 22), &server) != 0)
        fail("find the clock of the server");
    rounds = number(arguments[2], 100000);
    requests = number(arguments[3], 100000);
    if (requests <= WARM) {
        fprintf(stderr, "http_load: Cannot ask %ld times: expected more than %d\n", requests, WARM);
        return 64;
    }
    turn_timed = requests - WARM;
    connections = (size_t)number(arguments[4], CONNECTIONS_MAX);
    request_length = fread(request, 1, sizeof request, stdin);
    if (strcmp(arguments[5], "tls") == 0 && (tls = SSL_CTX_new(TLS_client_method())) == NULL)
        fail("use TLS");
    for (size_t port = 0; port < ports; port++) {
        const uint16_t to = (uint16_t)number(arguments[6 + port], 65535);

        times[port] = malloc((size_t)requests * sizeof **times);
        if (times[port] == NULL)
            fail("allocate");
        for (size_t i = 0; i < connections; i++)
            lines[port][i] = open_line(to, tls);
    }
    pthread_barrier_init(&barrier, NULL, (unsigned)connections + 1);
    for (size_t i = 0; i < connections; i++) {
        pthread_t thread;

        if (pthread_create(&thread, NULL, ask, (void *)(uintptr_t)i) != 0)
            fail("start a thread");
    }
    for (long round = 0; round < rounds; round++) {
        uint64_t cpu[PORTS_MAX], wall[PORTS_MAX];
        /* Each port is first, and next to each other, equally often. */
        const size_t first = (size_t)random() % ports;
        const size_t step = random() % 2 == 0 ? 1 : ports - 1;

        for (size_t i = 0; i < ports; i++) {
            const size_t port = (first + i * step) % ports;
            const uint64_t cpu_start = now_ns(server);
            const uint64_t start = now_ns(CLOCK_MONOTONIC);

            atomic_store(&taken[port], 0);
            turn_port = port;
            atomic_store(&turn_left, requests);
            pthread_barrier_wait(&barrier);
            pthread_barrier_wait(&barrier);
            wall[port] = now_ns(CLOCK_MONOTONIC) - start;
            usleep(REST_US);
            cpu[port] = now_ns(server) - cpu_start;
        }
        for (size_t port = 0; port < ports; port++) {
            const size_t n = taken[port];

            qsort(times[port], n, sizeof **times, by_size);
            printf("%s %ld %ju %ju %ju %ju\n", arguments[6 + port], requests, (uintmax_t)cpu[port],
                   (uintmax_t)wall[port], (uintmax_t)times[port][n / 2],
                   (uintmax_t)times[port][n * 99 / 100]);
        }
        fflush(stdout);
    }
    return 0;
}
