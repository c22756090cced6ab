// Client writes to etcd as a Go program does, and watches what it writes.
//
// Every put and every event of the watch is a line of JSON on standard output, with times of
// CLOCK_MONOTONIC in seconds. It ends with standard input. When the certificates of its directory
// change, it makes a client anew, as certificates are to be reloaded.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"io"
	"log"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.etcd.io/etcd/client/pkg/v3/transport"
	clientv3 "go.etcd.io/etcd/client/v3"
	"golang.org/x/sys/unix"
)

const (
	putTimeout = 10 * time.Second
	pause      = 20 * time.Millisecond
	// Before a watch that ended is renewed.
	watchPause = 500 * time.Millisecond
	// As a kube-apiserver sets them.
	dialTimeout      = 20 * time.Second
	keepAliveTime    = 30 * time.Second
	keepAliveTimeout = 10 * time.Second
)

// line is a put (`sent`, `answered`, `error`), an event (`seen`), or the end of a watch.
type line struct {
	Put      int64   `json:"put,omitempty"`
	Seen     int64   `json:"seen,omitempty"`
	Watch    string  `json:"watch,omitempty"`
	Sent     float64 `json:"sent,omitempty"`
	Answered float64 `json:"answered"`
	Error    string  `json:"error,omitempty"`
}

type session struct {
	endpoints []string
	directory string
	key       string
	out       *json.Encoder
	lock      sync.Mutex
}

func main() {
	endpoints := flag.String("endpoints", "", "URLs with commas between")
	directory := flag.String("certificates", "", "directory with ca.crt, tls.crt and tls.key")
	key := flag.String("key", "written", "the key that is written")
	flag.Parse()
	s := &session{
		endpoints: strings.Split(*endpoints, ","),
		directory: *directory,
		key:       *key,
		out:       json.NewEncoder(os.Stdout),
	}
	over := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		close(over)
	}()
	s.run(over)
}

// run writes one number after the other; what fails is not repeated.
func (s *session) run(over <-chan struct{}) {
	trusted, client := s.readCertificates(), s.connect()
	watch := &watcher{session: s}
	watch.use(client)
	go watch.run()
	for number := int64(1); ; number++ {
		select {
		case <-over:
			return
		case <-time.After(pause):
		}
		if now := s.readCertificates(); now != nil && !bytes.Equal(now, trusted) {
			old := client
			client, trusted = s.connect(), now
			watch.use(client)
			_ = old.Close()
		}
		s.put(client, number)
	}
}

func (s *session) connect() *clientv3.Client {
	at := func(name string) string { return filepath.Join(s.directory, name) }
	info := transport.TLSInfo{
		CertFile: at("tls.crt"), KeyFile: at("tls.key"), TrustedCAFile: at("ca.crt"),
	}
	tls, err := info.ClientConfig()
	if err != nil {
		log.Fatal(err)
	}
	client, err := clientv3.New(clientv3.Config{
		Endpoints:            s.endpoints,
		TLS:                  tls,
		DialTimeout:          dialTimeout,
		DialKeepAliveTime:    keepAliveTime,
		DialKeepAliveTimeout: keepAliveTimeout,
	})
	if err != nil {
		log.Fatal(err)
	}
	return client
}

func (s *session) put(client *clientv3.Client, number int64) {
	ctx, cancel := context.WithTimeout(context.Background(), putTimeout)
	defer cancel()
	said := line{Put: number, Sent: monotonic()}
	if _, err := client.Put(ctx, s.key, strconv.FormatInt(number, 10)); err != nil {
		said.Error = err.Error()
	}
	said.Answered = monotonic()
	s.say(said)
}

// watcher reports every event, and why a watch ended that nobody stopped. Its next one begins where
// the last has ended.
type watcher struct {
	session *session
	from    int64

	lock   sync.Mutex
	client *clientv3.Client
	ctx    context.Context
	stop   context.CancelFunc
}

// use ends the watch that there is, if there is one, and has the next made by another client.
func (w *watcher) use(client *clientv3.Client) {
	w.lock.Lock()
	defer w.lock.Unlock()
	if w.stop != nil {
		w.stop()
	}
	w.client = client
	w.ctx, w.stop = context.WithCancel(context.Background())
}

func (w *watcher) run() {
	for {
		w.lock.Lock()
		ctx, client := w.ctx, w.client
		w.lock.Unlock()
		if err := w.follow(ctx, client); ctx.Err() == nil {
			w.session.say(line{Watch: message(err), Answered: monotonic()})
			time.Sleep(watchPause)
		}
	}
}

func (w *watcher) follow(ctx context.Context, client *clientv3.Client) error {
	options := []clientv3.OpOption{clientv3.WithRev(w.from)}
	for answer := range client.Watch(clientv3.WithRequireLeader(ctx), w.session.key, options...) {
		if err := answer.Err(); err != nil {
			return err
		}
		for _, event := range answer.Events {
			seen, err := strconv.ParseInt(string(event.Kv.Value), 10, 64)
			if err != nil {
				return err
			}
			w.from = event.Kv.ModRevision + 1
			w.session.say(line{Seen: seen, Answered: monotonic()})
		}
	}
	return nil
}

func message(err error) string {
	if err == nil {
		return "the watch ended without a word"
	}
	return err.Error()
}

func (s *session) say(said line) {
	s.lock.Lock()
	defer s.lock.Unlock()
	if err := s.out.Encode(said); err != nil {
		os.Exit(1)
	}
}

// readCertificates returns what a client is to be made of, nil while it cannot be read.
func (s *session) readCertificates() []byte {
	var all []byte
	for _, name := range []string{"ca.crt", "tls.crt"} {
		content, err := os.ReadFile(filepath.Join(s.directory, name))
		if err != nil {
			return nil
		}
		all = append(all, content...)
	}
	return all
}

func monotonic() float64 {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		log.Fatal(err)
	}
	return float64(now.Nano()) / 1e9
}
