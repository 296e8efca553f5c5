/*
 * Producers for tests of the correlator, as fast as C.
 *
 *   correlate_tools send HTTP NETWORK PID COUNT RATE drop|wait
 *       COUNT requests as datagrams to HTTP, RATE a second, numbered from 1; with NETWORK other than
 *       "-" each has its handshake on that stream before. A full queue drops (and counts) or waits.
 *       Prints "sent N dropped N".
 *   correlate_tools hold SOCKET COMMAND...
 *       Binds SOCKET and runs COMMAND with it as systemd does (descriptor 3), again whenever it ends,
 *       until SIGTERM. Prints "pid N" for each start and "code N" for each end.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int64_t now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t) now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static struct sockaddr_un address_of(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    return address;
}

/* Writes all of it; a correlator that is away is fatal here. */
static void write_all(int fd, const char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t written = write(fd, bytes, length);
        if (written < 0) {
            perror("network");
            exit(1);
        }
        bytes += written;
        length -= (size_t) written;
    }
}

/* How far the sender may be behind its rate and still make up for it. */
#define BEHIND_US_MAX 5000

static int run_send(char **argv)
{
    const char *http = argv[2], *network = argv[3], *pid = argv[4];
    const long count = atol(argv[5]), rate = atol(argv[6]);
    const int wait = strcmp(argv[7], "wait") == 0;
    const int joined = strcmp(network, "-") != 0;
    struct sockaddr_un to = address_of(http);
    int datagrams = socket(AF_UNIX, SOCK_DGRAM, 0), stream = -1;
    int room = 1 << 20;
    setsockopt(datagrams, SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
    if (joined) {
        struct sockaddr_un sensor = address_of(network);
        stream = socket(AF_UNIX, SOCK_STREAM, 0);
        if (connect(stream, (struct sockaddr *) &sensor, sizeof sensor) != 0) {
            perror("network");
            return 1;
        }
    }
    static char hello[2048], request[2048];
    long sent = 0, dropped = 0;
    const int64_t start = now_us();
    int64_t due = start;
    for (long n = 1; n <= count; n++) {
        /* Ahead of the rate by more than a millisecond: sleep. Behind it, as after a time in which the machine did
           other work: what is missed is not sent in one burst where a full queue drops, since no queue is made for
           that; where it waits, the burst is as fast as the reader. */
        const int64_t early = due + n * 1000000 / rate - now_us();
        if (early > 1000) usleep((useconds_t) early);
        else if (!wait && early < -BEHIND_US_MAX) due -= early + BEHIND_US_MAX;
        const int64_t ts = now_us();
        char peer[96];
        snprintf(peer, sizeof peer, "\"src_ip\":\"10.%ld.%ld.%ld\",\"src_port\":%ld", n >> 16 & 255, n >> 8 & 255,
                 n & 255, 1024 + (n >> 8) % 60000);
        if (joined) {
            int length = snprintf(
                hello, sizeof hello,
                "{%s,\"dest_ip\":\"198.51.100.1\",\"dest_port\":443,\"event_type\":\"handshake\",\"ts\":%lld,"
                "\"seq\":%ld,\"sensor\":\"load%s\",\"boot\":%lld,\"transport\":\"tcp\",\"community_id\":\"1:x\","
                "\"status\":\"complete\",\"hello\":0,\"client_random_hash\":\"%016lx\","
                "\"ja4\":\"t13d1516h2_8daaf6152771_b186095e22b6\","
                "\"ja4_r\":\"t13d1516h2_002f,0035,009c,009d,1301,1302,1303_0005,000a,000b,000d\","
                "\"ja3\":\"579ccef312d18482fc42e2b822ca2430\",\"sni\":\"www.example.com\","
                "\"client_alpns\":[\"h2\",\"http/1.1\"],\"tls_version_offered\":\"1.3\","
                "\"cipher_suites\":[4865,4866,4867,49195,49199],\"extensions\":[0,23,65281,10,11,35,16],"
                "\"hello_bytes\":517,\"ip_ttl\":57,\"tcp_window\":64240}\n",
                peer, (long long) ts, n, pid, (long long) (start / 1000000), n);
            write_all(stream, hello, (size_t) length);
        }
        int length = snprintf(
            request, sizeof request,
            "{%s,\"dest_ip\":\"198.51.100.1\",\"dest_port\":443,\"conn\":%ld,\"conn_ts\":%lld,\"pid\":%s,\"seq\":%ld,"
            "\"event_type\":\"request\",\"ts\":%lld,\"req_idx\":0,\"url_scheme\":\"%s\",\"http_method\":\"GET\","
            "\"http_host\":\"www.example.com\",\"url_path\":\"/%s/%ld\",\"http_version\":\"2\",\"status_code\":200,"
            "\"response_bytes\":5120,\"duration_us\":900,\"header_names\":[\"Host\",\"User-Agent\",\"Accept\"],"
            "\"headers\":{\"user-agent\":\"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140.0.0.0\","
            "\"accept\":\"*/*\"},\"cookie_count\":0}",
            peer, n, (long long) ts, pid, n, (long long) ts, joined ? "https" : "http", pid, n);
        for (;;) {
            if (sendto(datagrams, request, (size_t) length, wait ? 0 : MSG_DONTWAIT, (struct sockaddr *) &to,
                       sizeof to) >= 0) {
                sent++;
                break;
            }
            if (!wait || (errno != ECONNREFUSED && errno != ENOENT && errno != EINTR)) {
                dropped++;
                break;
            }
            usleep(2000);
        }
    }
    printf("sent %ld dropped %ld\n", sent, dropped);
    return 0;
}

static volatile sig_atomic_t stopping;

static void on_stop(int signal)
{
    (void) signal;
    stopping = 1;
}

static int run_hold(char **argv)
{
    struct sockaddr_un address = address_of(argv[2]);
    int held = socket(AF_UNIX, SOCK_DGRAM, 0);
    unlink(argv[2]);
    if (bind(held, (struct sockaddr *) &address, sizeof address) != 0) {
        perror("bind");
        return 1;
    }
    struct sigaction action = { .sa_handler = on_stop };
    sigaction(SIGTERM, &action, NULL);
    while (!stopping) {
        pid_t child = fork();
        if (child == 0) {
            char number[32];
            snprintf(number, sizeof number, "%ld", (long) getpid());
            setenv("LISTEN_PID", number, 1);
            setenv("LISTEN_FDS", "1", 1);
            if (held != 3) {
                dup2(held, 3);
                close(held);
            }
            fcntl(3, F_SETFD, 0);
            /* Who kills the holder means what it holds, too. */
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            execvp(argv[3], argv + 3);
            _exit(127);
        }
        printf("pid %ld\n", (long) child);
        fflush(stdout);
        int status = 0;
        while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
            if (stopping) kill(child, SIGTERM);
        }
        printf("code %d\n", WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
        fflush(stdout);
    }
    return 0;
}

int main(int argc, char **argv)
{
    if (argc >= 8 && strcmp(argv[1], "send") == 0) return run_send(argv);
    if (argc >= 4 && strcmp(argv[1], "hold") == 0) return run_hold(argv);
    fprintf(stderr, "usage: see the source\n");
    return 64;
}
