#include "shared/wire/key_file.h"

#include "shared/base/disk_file.h"
#include "shared/base/log.h"
#include "shared/wire/key_text.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_SIZE 4096u
#define TEXT_SIZE 512u /* more than a key file ever has */

Status key_file_user_path(const char *name, char *out, size_t size, Diag *diag)
{
    const char *config = getenv("XDG_CONFIG_HOME");
    const char *home = getenv("HOME");
    int length;
    if (config && config[0] == '/') {
        length = snprintf(out, size, "%s/dtmv/%s", config, name);
    } else if (home && home[0] == '/') {
        length = snprintf(out, size, "%s/.config/dtmv/%s", home, name);
    } else {
        return diag_set(diag, STATUS_NOT_FOUND, "", 0, "neither XDG_CONFIG_HOME nor HOME names a folder");
    }
    return length < 0 || (size_t)length >= size
               ? diag_set(diag, STATUS_CAPACITY, "", 0, "the path of the user's folder is too long")
               : STATUS_OK;
}

/* ---- reading ---- */

static Status check_file(int file, const char *path, Diag *diag)
{
    struct stat info;
    if (fstat(file, &info) != 0 || !S_ISREG(info.st_mode)) {
        return diag_set(diag, STATUS_MALFORMED, path, 0, "not a file");
    }
    if ((info.st_mode & 077) != 0) {
        return diag_set(
            diag, STATUS_NOT_ALLOWED, path, 0,
            "others can read or change this secret key (mode %03o): run chmod 600 on it, or remove it "
            "to get a new one",
            (unsigned)(info.st_mode & 0777));
    }
    if (info.st_uid != geteuid()) {
        return diag_set(diag, STATUS_NOT_ALLOWED, path, 0, "this secret key belongs to another user");
    }
    return STATUS_OK;
}

Status key_file_parse(Bytes text, const char *path, uint8_t out_secret[NOISE_KEY_SIZE], Diag *diag)
{
    Bytes line;
    for (unsigned number = 1; key_text_next_line(&text, &line); number++) {
        char word[KEY_TEXT_SIZE];
        if (line.size == 0 || line.data[0] == '#') {
            continue;
        }
        bool valid = key_text_next_word(&line, word, sizeof word) && line.size == 0 &&
                     key_text_parse(word, out_secret) == STATUS_OK;
        sodium_memzero(word, sizeof word);
        return valid ? STATUS_OK
                     : diag_set(diag, STATUS_MALFORMED, path, number, "not a key: 44 characters of base64");
    }
    return diag_set(diag, STATUS_MALFORMED, path, 0, "no key in this file");
}

/* STATUS_NOT_FOUND, without a Diag, when there is no such file. */
static Status read_secret(const char *path, uint8_t out_secret[NOISE_KEY_SIZE], Diag *diag)
{
    uint8_t text[TEXT_SIZE];
    int file = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC); /* a pipe in its place must not hold us up */
    if (file < 0) {
        return errno == ENOENT || errno == ENOTDIR
                   ? STATUS_NOT_FOUND
                   : diag_set(diag, STATUS_IO_ERROR, path, 0, "cannot open: %s", strerror(errno));
    }
    Status status = check_file(file, path, diag);
    if (status == STATUS_OK) {
        ssize_t size = read(file, text, sizeof text);
        status = size < 0 ? diag_set(diag, STATUS_IO_ERROR, path, 0, "cannot read: %s", strerror(errno))
                          : key_file_parse(bytes_of(text, (size_t)size), path, out_secret, diag);
        sodium_memzero(text, sizeof text);
    }
    close(file);
    return status;
}

/* ---- making ---- */

static Status make_folder_of(const char *path, Diag *diag)
{
    char folder[PATH_SIZE];
    const char *slash = strrchr(path, '/');
    if (!slash || slash == path) {
        return STATUS_OK;
    }
    snprintf(folder, sizeof folder, "%.*s", (int)(slash - path), path);
    struct stat info;
    if (stat(folder, &info) == 0) {
        return STATUS_OK;
    }
    mode_t before = umask(077);
    Status status = disk_make_folder(folder, diag);
    umask(before);
    return status;
}

static bool write_all(int file, const char *text, size_t size)
{
    while (size > 0) {
        ssize_t count = write(file, text, size);
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count <= 0) {
            return false;
        }
        text += count;
        size -= (size_t)count;
    }
    return true;
}

/* Under a name of its own first, then linked to the real one: readers see all of it, and of two programs that
 * start together one wins and the other reads what that one wrote. */
static Status write_secret(const char *path, const uint8_t secret[NOISE_KEY_SIZE], Diag *diag)
{
    char temporary[PATH_SIZE + 32], text[TEXT_SIZE], public_text[KEY_TEXT_SIZE], secret_text[KEY_TEXT_SIZE];
    uint8_t public[NOISE_KEY_SIZE];
    Status status = STATUS_OK;
    noise_public_key(secret, public);
    int size =
        snprintf(text, sizeof text, "# dtmv identity: secret, never to be shown. Its public key is %s\n%s\n",
                 key_text_format(public, public_text), key_text_format(secret, secret_text));
    snprintf(temporary, sizeof temporary, "%s.%ld", path, (long)getpid());
    (void)unlink(temporary);
    int file = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (file < 0) {
        status = diag_set(diag, STATUS_IO_ERROR, path, 0, "cannot create: %s", strerror(errno));
    } else {
        bool written = write_all(file, text, (size_t)size) && fsync(file) == 0;
        written = close(file) == 0 && written;
        if (!written) {
            status = diag_set(diag, STATUS_IO_ERROR, path, 0, "cannot write: %s", strerror(errno));
        } else if (link(temporary, path) != 0) {
            status = errno == EEXIST
                         ? STATUS_DUPLICATE
                         : diag_set(diag, STATUS_IO_ERROR, path, 0, "cannot create: %s", strerror(errno));
        }
        (void)unlink(temporary);
    }
    sodium_memzero(text, sizeof text);
    sodium_memzero(secret_text, sizeof secret_text);
    return status;
}

Status key_file_open(const char *path, uint8_t out_secret[NOISE_KEY_SIZE], bool *out_created, Diag *diag)
{
    uint8_t secret[NOISE_KEY_SIZE];
    bool created = false;
    if (strlen(path) >= PATH_SIZE) {
        return diag_set(diag, STATUS_IO_ERROR, path, 0, "the path is too long");
    }
    Status status = read_secret(path, secret, diag);
    if (status == STATUS_NOT_FOUND) {
        randombytes_buf(secret, sizeof secret);
        status = make_folder_of(path, diag);
        if (status == STATUS_OK) {
            status = write_secret(path, secret, diag);
        }
        created = status == STATUS_OK;
        if (status == STATUS_DUPLICATE) {
            status = read_secret(path, secret, diag);
            if (status == STATUS_NOT_FOUND) {
                status = diag_set(diag, STATUS_IO_ERROR, path, 0, "came and went while it was opened");
            }
        }
    }
    if (status == STATUS_OK) {
        memcpy(out_secret, secret, NOISE_KEY_SIZE);
        *out_created = created;
    }
    sodium_memzero(secret, sizeof secret);
    return status;
}

Status key_file_identity(const char *path, uint8_t out_secret[NOISE_KEY_SIZE], Diag *diag)
{
    char own[PATH_SIZE], text[sizeof own];
    Diag why = { 0 };
    bool created = false;
    if (sodium_init() < 0) {
        return diag_set(diag, STATUS_IO_ERROR, "", 0, "this system gives no random numbers");
    }
    if (path) {
        return key_file_open(path, out_secret, &created, diag);
    }
    Status status = key_file_user_path("identity.key", own, sizeof own, &why);
    if (status == STATUS_OK) {
        status = key_file_open(own, out_secret, &created, &why);
    }
    if (status == STATUS_OK) {
        if (created) {
            log_info("secure", "made a new identity: %s", own);
        }
        return STATUS_OK;
    }
    struct stat info;
    if (status == STATUS_NOT_ALLOWED || status == STATUS_MALFORMED ||
        (status == STATUS_IO_ERROR && stat(own, &info) == 0)) {
        if (diag) {
            *diag = why;
        }
        return status;
    }
    log_warning("secure",
                "no lasting identity (%s): using one for this run alone; peers will not know it again",
                diag_format(&why, text, sizeof text));
    randombytes_buf(out_secret, NOISE_KEY_SIZE);
    return STATUS_OK;
}
