/*
 * ja4-run: starts a program of the platform on the shared Deno runtime, with the permissions fixed for it.
 *
 *   ja4-capture ARGS...          by the name it is called by (a link to this file)
 *   ja4-run capture ARGS...      by its first argument
 *
 * The permissions are the lines of SHARE/flags/NAME, and of ETC/flags/NAME for what a configuration needs beyond them
 * (`ja4ctl grants` writes it). SIGUSR1 stays blocked for good: Deno opens an inspector on it that anyone on the host may
 * use, and the mask survives exec. No core dumps, no new privileges, and only the variables of the environment that a
 * program reads. Where LIBEXEC/bin/ja4-NAME exists (a compiled program), that is started instead.
 *
 * Exit codes (sysexits): 64 wrong call, 69 no runtime, 70 fault of ours, 78 faulty flags; else the program's own.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#ifndef LIBEXEC
#define LIBEXEC "/usr/libexec/ja4-platform"
#endif
#ifndef SHARE
#define SHARE "/usr/share/ja4-platform"
#endif
#ifndef ETC
#define ETC "/etc/ja4-platform"
#endif

enum { EXIT_USAGE = 64, EXIT_UNAVAILABLE = 69, EXIT_SOFTWARE = 70, EXIT_CONFIG = 78 };
enum { ARGS_MAX = 256, LINE_MAX_BYTES = 8192 };

/* Variables that a program of ours or systemd's protocol reads. */
static const char *const passed[] = {
    "NOTIFY_SOCKET", "WATCHDOG_USEC",  "WATCHDOG_PID", "JOURNAL_STREAM", "LISTEN_FDS", "LISTEN_PID",
    "LISTEN_FDNAMES", "RUNTIME_DIRECTORY", "STATE_DIRECTORY", "CREDENTIALS_DIRECTORY", "DENO_DIR", "HOME",
    "TZ", "LANG", "TERM", "NO_COLOR", "PATH",
};

static char *arguments[ARGS_MAX];
static size_t argument_count;

__attribute__((format(printf, 2, 3), noreturn)) static void fail(int code, const char *format, ...)
{
    va_list values;
    va_start(values, format);
    fputs("ja4-run: ", stderr);
    vfprintf(stderr, format, values);
    fputc('\n', stderr);
    va_end(values);
    exit(code);
}

static void add_argument(const char *text)
{
    if (argument_count + 1 >= ARGS_MAX)
        fail(EXIT_USAGE, "more than %d arguments", ARGS_MAX - 1);
    arguments[argument_count] = strdup(text);
    if (arguments[argument_count] == NULL)
        fail(EXIT_SOFTWARE, "out of memory");
    argument_count++;
}

/* Adds the lines of a flags file; blank lines and those with a '#' first are not flags. */
static void add_flags(const char *folder, const char *name, int required)
{
    char path[PATH_MAX];
    char line[LINE_MAX_BYTES];
    snprintf(path, sizeof path, "%s/flags/%s", folder, name);
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        if (!required && errno == ENOENT)
            return;
        fail(EXIT_USAGE, "cannot read \"%s\": %s", path, strerror(errno));
    }
    while (fgets(line, sizeof line, file) != NULL) {
        size_t length = strcspn(line, "\n");
        if (line[length] != '\n' && !feof(file))
            fail(EXIT_CONFIG, "\"%s\" has a line of more than %d bytes", path, LINE_MAX_BYTES - 2);
        line[length] = '\0';
        if (length > 0 && line[0] != '#')
            add_argument(line);
    }
    fclose(file);
}

/* Adds what the link SHARE/programs/NAME leads to: a program finds its files beside its own. */
static void add_script(const char *name)
{
    char link[PATH_MAX];
    snprintf(link, sizeof link, "%s/programs/%s", SHARE, name);
    char *script = realpath(link, NULL);
    if (script == NULL)
        fail(EXIT_USAGE, "there is no program \"%s\": %s: %s", name, link, strerror(errno));
    add_argument(script);
    free(script);
}

static int is_passed(const char *variable)
{
    if (strncmp(variable, "JA4_", 4) == 0 || strncmp(variable, "OTEL_", 5) == 0)
        return 1;
    for (size_t index = 0; index < sizeof passed / sizeof *passed; index++) {
        size_t length = strlen(passed[index]);
        if (strncmp(variable, passed[index], length) == 0 && variable[length] == '=')
            return 1;
    }
    return 0;
}

/* Leaves only the variables that are passed on, in place. */
static void clean_environment(void)
{
    size_t kept = 0;
    for (size_t index = 0; environ[index] != NULL; index++)
        if (is_passed(environ[index]))
            environ[kept++] = environ[index];
    environ[kept] = NULL;
    if (setenv("DENO_NO_UPDATE_CHECK", "1", 1) != 0 || setenv("JA4_PACKAGED", "1", 1) != 0)
        fail(EXIT_SOFTWARE, "out of memory");
    /* Deno wants a place for what it stores, and gets along with one that it cannot write. */
    if (getenv("DENO_DIR") == NULL && getenv("HOME") == NULL)
        setenv("DENO_DIR", "/nonexistent", 1);
}

static void lock_down(void)
{
    sigset_t blocked;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGUSR1);
    struct rlimit none = {0, 0};
    if (sigprocmask(SIG_BLOCK, &blocked, NULL) != 0 || setrlimit(RLIMIT_CORE, &none) != 0 ||
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        fail(EXIT_SOFTWARE, "cannot give up rights: %s", strerror(errno));
}

/* A program's name by how this file was called; moves past the arguments that said so. */
static const char *program_name(int *argc, char ***argv)
{
    const char *called = strrchr(**argv, '/');
    called = called == NULL ? **argv : called + 1;
    if (strcmp(called, "ja4-run") == 0) {
        if (*argc < 2)
            fail(EXIT_USAGE, "usage: ja4-run PROGRAM [ARGUMENT...]");
        *argc -= 1;
        *argv += 1;
        called = **argv;
    } else if (strncmp(called, "ja4-", 4) == 0) {
        called += 4;
    }
    if (called[0] == '\0' || strspn(called, "abcdefghijklmnopqrstuvwxyz0123456789") != strlen(called))
        fail(EXIT_USAGE, "there is no program \"%s\"", called);
    return called;
}

int main(int argc, char **argv)
{
    const char *name = program_name(&argc, &argv);
    char path[PATH_MAX];

    snprintf(path, sizeof path, "%s/bin/ja4-%s", LIBEXEC, name);
    if (access(path, X_OK) == 0) {
        add_argument(path);
    } else {
        snprintf(path, sizeof path, "%s/deno", LIBEXEC);
        add_argument(path);
        add_argument("run");
        add_flags(SHARE, name, 1);
        add_flags(ETC, name, 0);
        add_script(name);
    }
    for (int index = 1; index < argc; index++)
        add_argument(argv[index]);
    arguments[argument_count] = NULL;

    clean_environment();
    lock_down();
    execve(path, arguments, environ);
    fail(EXIT_UNAVAILABLE, "cannot start \"%s\": %s", path, strerror(errno));
}
