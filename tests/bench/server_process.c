#include "tests/bench/server_process.h"

#include "shared/base/clock_file.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define START_TIME_MS 60000
#define STOP_TIME     (10 * TIME_SECOND)
#define PATH_SIZE     1200

/* The server lies beside this program. */
static bool server_path(char *out, size_t size)
{
    ssize_t length = readlink("/proc/self/exe", out, size - 1);
    if (length <= 0) {
        return false;
    }
    out[length] = '\0';
    char *slash = strrchr(out, '/');
    if (slash == NULL || (size_t)(slash - out) + sizeof "/dtmv-server" > size) {
        return false;
    }
    memcpy(slash, "/dtmv-server", sizeof "/dtmv-server");
    return true;
}

bool server_process_knows(const char *option)
{
    char path[PATH_SIZE], command[PATH_SIZE + 16], line[256];
    bool known = false;
    if (!server_path(path, sizeof path) || strchr(path, '\'') != NULL) {
        return false;
    }
    snprintf(command, sizeof command, "'%s' --help", path);
    FILE *help = popen(command, "r");
    while (help != NULL && fgets(line, sizeof line, help) != NULL) {
        const char *at = strstr(line, option);
        known |= at != NULL && strchr(" =\n", at[strlen(option)]) != NULL;
    }
    if (help != NULL) {
        pclose(help);
    }
    return known;
}

static _Noreturn void become_server(const char *path, const char *const *arguments, const char *folder,
                                    int out)
{
    const char *words[SERVER_ARGUMENTS_MAX + 8];
    char identity[PATH_SIZE], log[PATH_SIZE];
    size_t count = 0;
    snprintf(identity, sizeof identity, "%s/identity.key", folder);
    snprintf(log, sizeof log, "%s/server.log", folder);
    words[count++] = path;
    words[count++] = "--port=0";
    words[count++] = "--identity";
    words[count++] = identity;
    words[count++] = "--log-file";
    words[count++] = log;
    for (size_t i = 0; arguments[i] != NULL && i < SERVER_ARGUMENTS_MAX; i++) {
        words[count++] = arguments[i];
    }
    words[count] = NULL;
    dup2(out, STDOUT_FILENO);
    close(out);
    union {
        const char **words;
        char *const *argv; /* execv does not change the words */
    } list = { .words = words };
    execv(path, list.argv);
    fprintf(stderr, "dtmv-bench: cannot start %s: %s\n", path, strerror(errno));
    _exit(127);
}

/* Reads "listening on 127.0.0.1:PORT". */
static Status read_port(int from, ServerProcess *process, Diag *diag)
{
    char line[128] = "";
    size_t used = 0;
    struct pollfd wait = { .fd = from, .events = POLLIN };
    while (used + 1 < sizeof line && strchr(line, '\n') == NULL) {
        if (poll(&wait, 1, START_TIME_MS) <= 0) {
            return diag_set(diag, STATUS_DISCONNECTED, "dtmv-server", 0, "it does not begin to listen");
        }
        ssize_t got = read(from, line + used, sizeof line - used - 1);
        if (got <= 0) {
            return diag_set(diag, STATUS_DISCONNECTED, "dtmv-server", 0, "it ended at once");
        }
        used += (size_t)got;
        line[used] = '\0';
    }
    const char *colon = strrchr(line, ':');
    unsigned long port = colon != NULL ? strtoul(colon + 1, NULL, 10) : 0;
    if (port == 0 || port > 65535) {
        return diag_set(diag, STATUS_MALFORMED, "dtmv-server", 0, "it does not say on which port it listens");
    }
    process->port = (uint16_t)port;
    return STATUS_OK;
}

Status server_process_start(const char *folder, const char *const *arguments, ServerProcess *out_process,
                            Diag *diag)
{
    char path[PATH_SIZE];
    int ends[2];
    if (!server_path(path, sizeof path) || pipe(ends) != 0) {
        return diag_set(diag, STATUS_IO_ERROR, "dtmv-server", 0, "cannot start it");
    }
    ServerProcess process = { 0 };
    snprintf(process.log_path, sizeof process.log_path, "%s/server.log", folder);
    pid_t pid = fork();
    if (pid == 0) {
        close(ends[0]);
        become_server(path, arguments, folder, ends[1]);
    }
    close(ends[1]);
    if (pid < 0) {
        close(ends[0]);
        return diag_set(diag, STATUS_IO_ERROR, "dtmv-server", 0, "cannot start it: %s", strerror(errno));
    }
    process.pid = pid;
    Status status = read_port(ends[0], &process, diag);
    close(ends[0]);
    if (status != STATUS_OK) {
        char line[512];
        size_t length = strlen(diag->text);
        snprintf(diag->text + length, sizeof diag->text - length, ": %s",
                 server_process_log(&process, "", line, sizeof line));
        server_process_stop(&process);
        return status;
    }
    *out_process = process;
    return STATUS_OK;
}

/* To the nanosecond, where the kernel keeps such a count of the one thread there is; 0 where it does not. */
static TimeNs exact_cpu(pid_t pid)
{
    char path[64];
    long long ran = 0;
    snprintf(path, sizeof path, "/proc/%ld/schedstat", (long)pid);
    FILE *file = fopen(path, "r");
    if (file != NULL) {
        ran = fscanf(file, "%lld", &ran) == 1 ? ran : 0;
        fclose(file);
    }
    return (TimeNs)ran;
}

Status server_process_usage(const ServerProcess *process, ProcessUsage *out_usage)
{
    char path[64], line[1024];
    snprintf(path, sizeof path, "/proc/%ld/stat", (long)process->pid);
    FILE *file = process->pid > 0 ? fopen(path, "r") : NULL;
    if (file == NULL) {
        return STATUS_DISCONNECTED;
    }
    bool read_line = fgets(line, sizeof line, file) != NULL;
    fclose(file);
    const char *after_name = read_line ? strrchr(line, ')') : NULL; /* the name may hold anything */
    char state;
    unsigned long user, system;
    long pages;
    /* proc(5): state is field 3, utime 14, stime 15, rss 24. */
    if (after_name == NULL ||
        sscanf(after_name + 1,
               " %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu %*d %*d %*d %*d %*d %*d %*u %*u %ld",
               &state, &user, &system, &pages) != 4 ||
        state == 'Z') {
        return STATUS_DISCONNECTED;
    }
    TimeNs tick = TIME_SECOND / sysconf(_SC_CLK_TCK);
    TimeNs exact = exact_cpu(process->pid);
    *out_usage = (ProcessUsage){ .cpu = exact > 0 ? exact : (TimeNs)(user + system) * tick,
                                 .rss_mb = (double)pages * (double)sysconf(_SC_PAGESIZE) / 1e6 };
    return STATUS_OK;
}

const char *server_process_log(const ServerProcess *process, const char *text, char *out, size_t size)
{
    char line[2048];
    out[0] = '\0';
    FILE *file = process->log_path[0] != '\0' ? fopen(process->log_path, "r") : NULL;
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        if (strstr(line, text) != NULL) {
            snprintf(out, size, "%.*s", (int)size - 1, line);
        }
    }
    if (file != NULL) {
        fclose(file);
    }
    return out;
}

static bool ended(ServerProcess *process)
{
    if (waitpid(process->pid, NULL, WNOHANG) == 0) {
        return false;
    }
    process->pid = 0;
    return true;
}

void server_process_stop(ServerProcess *process)
{
    if (process->pid > 0 && !ended(process)) {
        kill(process->pid, SIGTERM);
        TimeNs limit = clock_monotonic() + STOP_TIME;
        while (!ended(process)) {
            if (clock_monotonic() > limit) {
                kill(process->pid, SIGKILL);
                waitpid(process->pid, NULL, 0);
                process->pid = 0;
                break;
            }
            clock_sleep_until(clock_monotonic() + 5 * TIME_MS);
        }
    }
    if (process->log_path[0] != '\0') {
        char identity[PATH_SIZE + 16];
        unlink(process->log_path);
        size_t folder = strlen(process->log_path) - strlen("server.log");
        snprintf(identity, sizeof identity, "%.*sidentity.key", (int)folder, process->log_path);
        unlink(identity);
        process->log_path[0] = '\0';
    }
}
