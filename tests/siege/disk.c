/*
 * A disk of ours between a process and its files, preloaded (LD_PRELOAD): it can lose what was not synced, and fail.
 *
 * DISK_HOME     the folder whose files lie on it, as an absolute path
 * DISK_JOURNAL  a folder for its notes: a file for each inode, with each write since the last sync (what was there before,
 *               and what came), and `names`, with each name made or taken away since the folder was synced. A process that
 *               is killed leaves them behind, and disk.rs takes back what a power cut would have lost.
 * DISK_FAULT    a file of two native ints: the errno that writing and syncing fail with (0: none), and 1 if syncing is
 *               only pretended, as a disk does that lies about it. ENOSPC lets be written what does not grow a file.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MOST_FILES 4096
#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

/* A change to a file, as it is noted; the old bytes follow, and then the new ones. A truncation has no new bytes. */
struct change {
    int64_t offset, new_length, old_size, old_length;
};

enum kind { ELSEWHERE, FILE_OF_OURS, THE_FOLDER };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char kinds[MOST_FILES];
static const char *home, *journal;
static volatile const int *fault;

__attribute__((constructor)) static void begin(void) {
    home = getenv("DISK_HOME");
    journal = getenv("DISK_JOURNAL");
    const char *path = getenv("DISK_FAULT");
    int fd = path ? REAL(open64)(path, O_RDONLY) : -1;
    fault = fd < 0 ? MAP_FAILED : mmap(NULL, 2 * sizeof(int), PROT_READ, MAP_SHARED, fd, 0);
    if (!home || !journal || fault == MAP_FAILED) {
        fprintf(stderr, "disk.c: DISK_HOME, DISK_JOURNAL and DISK_FAULT are needed\n");
        abort();
    }
    REAL(close)(fd);
}

static enum kind kind_of_fd(int fd) { return fd >= 0 && fd < MOST_FILES ? kinds[fd] : ELSEWHERE; }

/* The name of a file that lies directly in the folder. SQLite's -shm never has to survive. */
static const char *name_of(const char *path) {
    size_t length = strlen(home);
    if (strncmp(path, home, length) != 0 || path[length] != '/') return NULL;
    const char *name = path + length + 1, *dash = strrchr(name, '-');
    return strchr(name, '/') || (dash && strcmp(dash, "-shm") == 0) ? NULL : name;
}

static int note_file(const char *name) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", journal, name);
    int fd = REAL(open64)(path, O_CREAT | O_WRONLY | O_APPEND, 0600);
    if (fd < 0) abort();
    return fd;
}

static int note_file_of(int fd) {
    struct stat file;
    char name[32];
    if (fstat(fd, &file) != 0) abort();
    snprintf(name, sizeof name, "%llu", (unsigned long long)file.st_ino);
    return note_file(name);
}

static void forget(int notes) {
    if (REAL(ftruncate64)(notes, 0) != 0) abort();
    REAL(close)(notes);
}

static void note_name(const char *what, const char *name) {
    int notes = note_file("names");
    char line[4096];
    int length = snprintf(line, sizeof line, "%s %s\n", what, name);
    if (REAL(write)(notes, line, length) != length) abort();
    REAL(close)(notes);
}

/* Notes a change before it is made. */
static void note_change(int fd, int64_t offset, const void *bytes, int64_t count) {
    struct stat file;
    if (fstat(fd, &file) != 0) abort();
    int64_t end = bytes ? offset + count : file.st_size;
    if (end > file.st_size) end = file.st_size;
    struct change change = {offset, count, file.st_size, end > offset ? end - offset : 0};
    size_t size = sizeof change + change.old_length + count;
    char *note = malloc(size);
    if (!note) abort();
    memcpy(note, &change, sizeof change);
    char own[64];
    snprintf(own, sizeof own, "/proc/self/fd/%d", fd);
    int reader = change.old_length ? REAL(open64)(own, O_RDONLY) : -1;
    if (change.old_length && pread(reader, note + sizeof change, change.old_length, offset) != change.old_length) abort();
    if (reader >= 0) REAL(close)(reader);
    memcpy(note + sizeof change + change.old_length, bytes, count);
    int notes = note_file_of(fd);
    if (REAL(write)(notes, note, size) != (ssize_t)size) abort();
    REAL(close)(notes);
    free(note);
}

/* The errno that growing a file to this size, or changing it, fails with. */
static int failure(int fd, int64_t new_size) {
    struct stat file;
    int error = fault[0];
    if (error == ENOSPC && new_size >= 0 && fstat(fd, &file) == 0 && new_size <= file.st_size) return 0;
    return error;
}

#define FAIL_IF_ASKED(fd, new_size)            \
    do {                                       \
        int error = failure(fd, new_size);     \
        if (error) {                           \
            pthread_mutex_unlock(&lock);       \
            errno = error;                     \
            return -1;                         \
        }                                      \
    } while (0)

static int opened(int fd, const char *path, int is_new) {
    if (fd < 0 || fd >= MOST_FILES) return fd;
    const char *name = name_of(path);
    kinds[fd] = name ? FILE_OF_OURS : strcmp(path, home) == 0 ? THE_FOLDER : ELSEWHERE;
    if (name && is_new) note_name("made", name);
    return fd;
}

static int open_noted(const char *path, int flags, mode_t mode) {
    const char *name = name_of(path);
    if (name && (flags & (O_WRONLY | O_RDWR)) && fault[0] == EROFS) {
        errno = EROFS;
        return -1;
    }
    pthread_mutex_lock(&lock);
    int is_new = name && (flags & O_CREAT) && access(path, F_OK) != 0;
    int fd = opened(REAL(open64)(path, flags, mode), path, is_new);
    pthread_mutex_unlock(&lock);
    return fd;
}

#define OPEN(symbol)                                  \
    int symbol(const char *path, int flags, ...) {    \
        va_list rest;                                 \
        va_start(rest, flags);                        \
        mode_t mode = flags & O_CREAT ? va_arg(rest, mode_t) : 0; \
        va_end(rest);                                 \
        return open_noted(path, flags, mode);         \
    }
OPEN(open)
OPEN(open64)

int close(int fd) {
    pthread_mutex_lock(&lock);
    if (fd >= 0 && fd < MOST_FILES) kinds[fd] = ELSEWHERE;
    int done = REAL(close)(fd);
    pthread_mutex_unlock(&lock);
    return done;
}

static ssize_t write_noted(int fd, const void *bytes, size_t count, int64_t offset, int is_at_offset) {
    pthread_mutex_lock(&lock);
    if (!is_at_offset) offset = lseek(fd, 0, fcntl(fd, F_GETFL) & O_APPEND ? SEEK_END : SEEK_CUR);
    FAIL_IF_ASKED(fd, offset + (int64_t)count);
    note_change(fd, offset, bytes, count);
    ssize_t done = is_at_offset ? REAL(pwrite64)(fd, bytes, count, offset) : REAL(write)(fd, bytes, count);
    pthread_mutex_unlock(&lock);
    return done;
}

ssize_t write(int fd, const void *bytes, size_t count) {
    return kind_of_fd(fd) == FILE_OF_OURS ? write_noted(fd, bytes, count, 0, 0) : REAL(write)(fd, bytes, count);
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t offset) {
    if (kind_of_fd(fd) != FILE_OF_OURS) return REAL(pwrite64)(fd, bytes, count, offset);
    return write_noted(fd, bytes, count, offset, 1);
}

int ftruncate64(int fd, off64_t size) {
    if (kind_of_fd(fd) != FILE_OF_OURS) return REAL(ftruncate64)(fd, size);
    pthread_mutex_lock(&lock);
    FAIL_IF_ASKED(fd, size);
    note_change(fd, size, NULL, 0);
    int done = REAL(ftruncate64)(fd, size);
    pthread_mutex_unlock(&lock);
    return done;
}

int fsync(int fd) {
    enum kind kind = kind_of_fd(fd);
    if (kind == ELSEWHERE) return REAL(fsync)(fd);
    pthread_mutex_lock(&lock);
    FAIL_IF_ASKED(fd, -1);
    /* As slow as a disk, or no power cut would ever come in between. */
    usleep(2000);
    if (!fault[1]) forget(kind == THE_FOLDER ? note_file("names") : note_file_of(fd));
    pthread_mutex_unlock(&lock);
    return 0;
}

int linkat(int from, const char *old, int to, const char *new, int flags) {
    pthread_mutex_lock(&lock);
    if (name_of(new)) note_name("made", name_of(new));
    int done = REAL(linkat)(from, old, to, new, flags);
    pthread_mutex_unlock(&lock);
    return done;
}

/* What the name meant is kept among the notes under the number of the inode. */
int unlink(const char *path) {
    const char *name = name_of(path);
    struct stat file;
    pthread_mutex_lock(&lock);
    if (name && lstat(path, &file) == 0) {
        char kept[4096], what[64];
        snprintf(what, sizeof what, "kept-%llu", (unsigned long long)file.st_ino);
        snprintf(kept, sizeof kept, "%s/%s", journal, what);
        if (REAL(linkat)(AT_FDCWD, path, AT_FDCWD, kept, 0) != 0 && errno != EEXIST) abort();
        note_name(what, name);
    }
    int done = REAL(unlink)(path);
    pthread_mutex_unlock(&lock);
    return done;
}
