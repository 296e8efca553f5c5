/*
 * Reads datagrams of a UNIX socket, for bench/module_bench.ts: as they come, or after each pause one. It does nothing with
 * them, so that what is measured beside it is the sender.
 *
 *   slow_reader PATH PAUSE_US
 *
 * Says "ready", and how many it has taken when it gets SIGTERM.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t ended;

static void end(int signal_number)
{
    (void)signal_number;
    ended = 1;
}

int main(int count, char **arguments)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct sigaction action = {.sa_handler = end};
    const long pause_us = count == 3 ? strtol(arguments[2], NULL, 10) : -1;
    const struct timespec pause = {pause_us / 1000000, pause_us % 1000000 * 1000};
    /* A signal between the question whether it has come and recv() would else be noticed with the next datagram. */
    const struct timeval wait = {0, 100000};
    static char datagram[65536];
    unsigned long taken = 0;
    int fd;

    if (pause_us < 0 || strlen(arguments[1]) >= sizeof address.sun_path) {
        fputs("Usage: slow_reader PATH PAUSE_US\n", stderr);
        return 64;
    }
    memcpy(address.sun_path, arguments[1], strlen(arguments[1]) + 1);
    fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait) != 0 ||
        bind(fd, (struct sockaddr *)&address, sizeof address) != 0 ||
        chmod(address.sun_path, 0666) != 0 || sigaction(SIGTERM, &action, NULL) != 0) {
        fprintf(stderr, "slow_reader: Cannot listen on %s: %s\n", arguments[1], strerror(errno));
        return 1;
    }
    puts("ready");
    fflush(stdout);
    while (!ended) {
        if (recv(fd, datagram, sizeof datagram, 0) > 0)
            taken++;
        if (pause_us > 0)
            nanosleep(&pause, NULL);
    }
    printf("%lu\n", taken);
    return 0;
}
