// Connections with one packet of 32 bytes in flight each. Arguments: port, connections, seconds. Prints acknowledged packets per second.
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
    if (argc != 4) return 2;
    struct sockaddr_in server = { .sin_family = AF_INET, .sin_port = htons(atoi(argv[1])), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int connections = atoi(argv[2]), one = 1, loop = epoll_create1(0);
    double seconds = atof(argv[3]);
    char packet[32] = { '&', 25 }, answer[256];
    for (int i = 0; i < connections; i++) {
        int s = socket(AF_INET, SOCK_STREAM, 0);
        struct epoll_event e = { .events = EPOLLIN, .data.fd = s };
        setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        if (s < 0 || connect(s, (struct sockaddr *)&server, sizeof server) != 0 || epoll_ctl(loop, EPOLL_CTL_ADD, s, &e) != 0) return 1;
        if (send(s, packet, sizeof packet, 0) != sizeof packet) return 1;
    }
    long acknowledged = 0, counted = 0;
    double start = now(), warm = 0;
    while (now() - start < seconds * 1.25) {
        struct epoll_event events[512];
        int n = epoll_wait(loop, events, 512, 1000);
        for (int i = 0; i < n; i++) {
            int s = events[i].data.fd;
            if (recv(s, answer, sizeof answer, 0) != 15) return 1;
            acknowledged++;
            if (send(s, packet, sizeof packet, 0) != sizeof packet) return 1;
        }
        if (warm == 0 && now() - start > seconds * 0.25) {
            warm = now();
            counted = acknowledged;
        }
    }
    printf("%.0f\n", (acknowledged - counted) / (now() - warm));
    return 0;
}
