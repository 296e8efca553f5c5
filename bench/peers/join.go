// The same join by a small Go program with its standard library: NDJSON files of handshakes and
// requests, alternating in groups, keyed by address and port, requests that find no handshake wait in a
// list; joined lines are written. -types struct|map chooses how events are read.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"syscall"
)

type handshake struct {
	SrcIP       string   `json:"src_ip"`
	SrcPort     int      `json:"src_port"`
	TS          int64    `json:"ts"`
	CommunityID string   `json:"community_id"`
	JA4         string   `json:"ja4"`
	JA4R        string   `json:"ja4_r"`
	JA4RO       string   `json:"ja4_ro"`
	JA3         string   `json:"ja3"`
	SNI         string   `json:"sni"`
	ALPN        []string `json:"client_alpns"`
	Version     string   `json:"tls_version_offered"`
	Suites      []int    `json:"cipher_suites"`
	Extensions  []int    `json:"extensions"`
	Groups      []int    `json:"supported_groups"`
	Algorithms  []int    `json:"signature_algorithms"`
	TTL         int      `json:"ip_ttl"`
	Window      int      `json:"tcp_window"`
	Options     string   `json:"tcp_options"`
}

type request struct {
	SrcIP   string            `json:"src_ip"`
	SrcPort int               `json:"src_port"`
	DestIP  string            `json:"dest_ip"`
	Port    int               `json:"dest_port"`
	Conn    int64             `json:"conn"`
	ConnTS  int64             `json:"conn_ts"`
	TS      int64             `json:"ts"`
	Scheme  string            `json:"url_scheme"`
	Method  string            `json:"http_method"`
	Host    string            `json:"http_host"`
	Path    string            `json:"url_path"`
	Query   string            `json:"url_query"`
	Version string            `json:"http_version"`
	Status  int               `json:"status_code"`
	Bytes   int64             `json:"response_bytes"`
	Names   []string          `json:"header_names"`
	Headers map[string]string `json:"headers"`
}

type joined struct {
	*request
	HelloTS     int64    `json:"hello_ts"`
	CommunityID string   `json:"community_id"`
	JA4         string   `json:"ja4"`
	JA4R        string   `json:"ja4_r"`
	JA4RO       string   `json:"ja4_ro"`
	JA3         string   `json:"ja3"`
	SNI         string   `json:"sni"`
	ALPN        []string `json:"client_alpns"`
	TLSVersion  string   `json:"tls_version_offered"`
	Suites      []int    `json:"cipher_suites"`
	Extensions  []int    `json:"extensions"`
	Groups      []int    `json:"supported_groups"`
	Algorithms  []int    `json:"signature_algorithms"`
	TTL         int      `json:"ip_ttl"`
	Window      int      `json:"tcp_window"`
	Options     string   `json:"tcp_options"`
}

const together = 64

func lines(path string) *bufio.Scanner {
	file, err := os.Open(path)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(66)
	}
	scanner := bufio.NewScanner(file)
	scanner.Buffer(make([]byte, 1<<20), 1<<20)
	return scanner
}

func main() {
	kind, hellos, requests := os.Args[1], lines(os.Args[2]), lines(os.Args[3])
	out := bufio.NewWriterSize(os.Stdout, 1<<20)
	events, rows := 0, 0
	typed := map[string]*handshake{}
	loose := map[string]map[string]any{}
	write := func(value any) {
		line, _ := json.Marshal(value)
		out.Write(line)
		out.WriteByte('\n')
		rows++
	}
	more := true
	for more {
		more = false
		for n := 0; n < together && hellos.Scan(); n++ {
			more = true
			events++
			if kind == "struct" {
				event := &handshake{}
				if json.Unmarshal(hellos.Bytes(), event) == nil {
					typed[event.SrcIP+":"+strconv.Itoa(event.SrcPort)] = event
				}
			} else {
				event := map[string]any{}
				if json.Unmarshal(hellos.Bytes(), &event) == nil {
					loose[fmt.Sprint(event["src_ip"], ":", event["src_port"])] = event
				}
			}
		}
		for n := 0; n < together && requests.Scan(); n++ {
			more = true
			events++
			if kind == "struct" {
				event := &request{}
				if json.Unmarshal(requests.Bytes(), event) != nil {
					continue
				}
				if h := typed[event.SrcIP+":"+strconv.Itoa(event.SrcPort)]; h != nil {
					write(joined{event, h.TS, h.CommunityID, h.JA4, h.JA4R, h.JA4RO, h.JA3, h.SNI, h.ALPN, h.Version,
						h.Suites, h.Extensions, h.Groups, h.Algorithms, h.TTL, h.Window, h.Options})
				}
			} else {
				event := map[string]any{}
				if json.Unmarshal(requests.Bytes(), &event) != nil {
					continue
				}
				if h := loose[fmt.Sprint(event["src_ip"], ":", event["src_port"])]; h != nil {
					for key, value := range h {
						if _, taken := event[key]; !taken {
							event[key] = value
						}
					}
					write(event)
				}
			}
		}
	}
	out.Flush()
	var usage syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	us := usage.Utime.Sec*1000000 + usage.Utime.Usec + usage.Stime.Sec*1000000 + usage.Stime.Usec
	fmt.Fprintf(os.Stderr, "events %d rows %d cpu_us %d\n", events, rows, us)
}
