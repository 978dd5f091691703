// A server in Go: one goroutine per connection reads a header, then its payload, and counts.
// It keeps the contract of every server in the comparison: a line "listening on ADDRESS:PORT" when it is ready,
// and "packets.processed=N" in its last line, on SIGTERM.
package main

import (
	"bufio"
	"encoding/binary"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
)

const headerBytes = 7

var packets uint64

func main() {
	port := flag.Int("port", 0, "TCP port on 127.0.0.1; 0 picks a free one")
	flag.Parse()

	listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", *port))
	if err != nil {
		log.Fatal(err)
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT) // before the line below: a signal may follow it immediately
	go accept(listener)
	fmt.Printf("listening on %s\n", listener.Addr())
	<-stop
	fmt.Printf("stopped: packets.processed=%d\n", atomic.LoadUint64(&packets))
}

func accept(listener net.Listener) {
	for {
		connection, err := listener.Accept()
		if err != nil {
			log.Print(err)
			continue
		}
		go serve(connection)
	}
}

func serve(connection net.Conn) {
	defer connection.Close()
	reader := bufio.NewReader(connection)
	header := make([]byte, headerBytes)
	for {
		if _, err := io.ReadFull(reader, header); err != nil || header[0] != '&' {
			return
		}
		payload := make([]byte, binary.LittleEndian.Uint16(header[1:3]))
		if _, err := io.ReadFull(reader, payload); err != nil {
			return
		}
		atomic.AddUint64(&packets, 1)
	}
}
