// The floor of every store: writes the same bytes and calls fdatasync. Arguments: file, bytes per write, writes.
// Prints MB/s and the median in us.
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

int main(int argc, char **argv)
{
    if (argc != 4) return 2;
    size_t bytes = atol(argv[2]);
    long writes = atol(argv[3]);
    char *buffer = malloc(bytes);
    double *took = malloc(writes * sizeof *took);
    int file = open(argv[1], O_CREAT | O_TRUNC | O_WRONLY, 0600);
    memset(buffer, 'x', bytes);
    double start = now();
    for (long i = 0; i < writes; i++) {
        double t = now();
        if (write(file, buffer, bytes) != (ssize_t)bytes || fdatasync(file) != 0) return 1;
        took[i] = now() - t;
    }
    double all = now() - start;
    qsort(took, writes, sizeof *took, compare);
    printf("%.2f %.0f\n", bytes * writes / all / 1e6, took[writes / 2] * 1e6);
    return unlink(argv[1]);
}
