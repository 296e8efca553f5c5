// Shakes hands COUNT times with ADDRESS, each time for another name, as Go's crypto/tls does.
//
//	hello_client ADDRESS COUNT
package main

import (
	"crypto/tls"
	"fmt"
	"os"
	"strconv"
)

func main() {
	count, err := strconv.Atoi(os.Args[2])
	if err != nil {
		panic(err)
	}
	for number := 0; number < count; number++ {
		config := &tls.Config{
			InsecureSkipVerify: true,
			ServerName:         fmt.Sprintf("go%d.example", number),
			NextProtos:         []string{"h2", "http/1.1"},
		}
		connection, err := tls.Dial("tcp", os.Args[1], config)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		connection.Close()
	}
}
