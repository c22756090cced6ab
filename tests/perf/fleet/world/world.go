package main

import (
	"context"
	"errors"
	"hash/fnv"
	"math/rand/v2"
	"net"
	"sync"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
)

// As long as etcd's own take with its defaults.
const (
	electionTime = time.Second
	catchUpTime  = 200 * time.Millisecond
	connectTime  = 5 * time.Second
	writesPerSec = 20
	dbSize       = 1 << 20
)

// A Member is a line in the member list, and the process behind it if one runs.
type Member struct {
	ID        uint64
	Name      string
	PeerURL   string
	ClientURL string // empty until it served for the first time
	Learner   bool
	process   *Process
}

// A Process answers at one address. While its gate is there, it neither reads nor writes.
type Process struct {
	cluster *Cluster
	member  *Member
	address string
	version string
	begun   time.Time
	served  bool
	stalled bool
	lies    bool
	gate    chan struct{}
	conns   map[net.Conn]struct{}
}

// A Cluster is what etcd's members have agreed about.
type Cluster struct {
	UID, Name string
	ID        uint64
	members   []*Member
	leader    uint64
	term      uint64
	formed    time.Time
	electing  bool
	seen      time.Time // first call since the last reset
	last      time.Time
	longest   time.Duration // between two looks since the last reset
}

// An Entry says when a member list or a leader was changed.
type Entry struct {
	Time    float64 `json:"time"`
	Cluster string  `json:"cluster"`
	What    string  `json:"what"`
	Member  string  `json:"member"`
}

// World is all clusters. One lock: at a few hundred calls a second nobody waits for it.
type World struct {
	mu       sync.Mutex
	clusters map[string]*Cluster
	byName   map[string]*Cluster
	byAddr   map[string]*Process
	disks    map[string]uint64 // uid of a claim to the member whose data it holds
	journal  []Entry
	calls    map[string]int
	failed   map[string]int
	opened   int
	refused  int
	open     int
}

func newWorld() *World {
	return &World{
		clusters: map[string]*Cluster{},
		byName:   map[string]*Cluster{},
		byAddr:   map[string]*Process{},
		disks:    map[string]uint64{},
		calls:    map[string]int{},
		failed:   map[string]int{},
	}
}

func unixNow() float64 { return float64(time.Now().UnixNano()) / 1e9 }

func identify(text string) uint64 {
	hash := fnv.New64a()
	hash.Write([]byte(text))
	return hash.Sum64() | 1
}

// A Start is what a process reads when it begins: its Pod, its disk and its configuration.
type Start struct {
	clusterUID, clusterName string
	name, address, disk     string
	version, peerURL        string
	forms                   map[string]string // peer URL by name, of who forms the cluster
}

var errClosed = errors.New("the gate is closed")

// begin starts a process as etcd would: with its data, to form the cluster, or to join it.
func (w *World) begin(s Start) (*Process, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	cluster := w.clusters[s.clusterUID]
	if cluster == nil {
		if s.forms == nil {
			return nil, errClosed
		}
		cluster = w.form(s)
	}
	member := w.findMember(cluster, s)
	if member == nil {
		return nil, errClosed
	}
	w.disks[s.disk] = member.ID
	process := &Process{
		cluster: cluster, member: member, address: s.address, version: s.version,
		begun: time.Now(), gate: make(chan struct{}), conns: map[net.Conn]struct{}{},
	}
	member.process = process
	member.Name = s.name
	w.byAddr[s.address] = process
	// It replays its log or gets a snapshot first.
	time.AfterFunc(catchUpTime, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.settle(cluster)
	})
	return process, nil
}

func (w *World) form(s Start) *Cluster {
	cluster := &Cluster{UID: s.clusterUID, Name: s.clusterName, ID: identify(s.clusterUID)}
	for name, url := range s.forms {
		cluster.members = append(cluster.members, &Member{ID: identify(s.clusterUID + url), Name: name, PeerURL: url})
	}
	w.clusters[s.clusterUID] = cluster
	w.byName[s.clusterName] = cluster
	return cluster
}

func (w *World) findMember(cluster *Cluster, s Start) *Member {
	id, hasData := w.disks[s.disk]
	for _, member := range cluster.members {
		mayJoin := member.ClientURL == "" && (s.forms != nil || member.Name == "")
		if member.PeerURL == s.peerURL && ((hasData && id == member.ID) || (!hasData && mayJoin)) {
			return member
		}
	}
	return nil
}

// end stops a process: its connections break, as when a kernel closes them.
func (w *World) end(process *Process) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stop(process)
	w.settle(process.cluster)
}

func (w *World) stop(process *Process) {
	if w.byAddr[process.address] == process {
		delete(w.byAddr, process.address)
	}
	if process.member.process == process {
		process.member.process = nil
	}
	process.release()
	for conn := range process.conns {
		conn.Close()
	}
}

func (p *Process) release() {
	if p.gate != nil {
		close(p.gate)
		p.gate = nil
	}
}

// votes tells whether it takes part in raft; that it does not serve clients yet is no matter.
func (m *Member) votes() bool { return !m.Learner && m.process != nil && !m.process.stalled }

// hasMajority tells whether enough voters take part.
func (c *Cluster) hasMajority() bool {
	voters, able := 0, 0
	for _, member := range c.members {
		if !member.Learner {
			voters++
		}
		if member.votes() {
			able++
		}
	}
	return able*2 > voters
}

func (c *Cluster) member(id uint64) *Member {
	for _, member := range c.members {
		if member.ID == id {
			return member
		}
	}
	return nil
}

// settle draws the consequences of a change: an election, and members that begin to serve.
func (w *World) settle(c *Cluster) {
	leader := c.member(c.leader)
	if !c.hasMajority() || leader == nil || !leader.votes() {
		c.leader = 0
	}
	if c.leader == 0 {
		if c.hasMajority() && !c.electing {
			c.electing = true
			time.AfterFunc(electionTime, func() { w.elect(c) })
		}
		return
	}
	for _, member := range c.members {
		process := member.process
		if process == nil || process.stalled || process.served || time.Since(process.begun) < catchUpTime {
			continue
		}
		process.served = true
		member.ClientURL = clientURL(member.PeerURL)
		process.release()
	}
}

func (w *World) elect(c *Cluster) {
	w.mu.Lock()
	defer w.mu.Unlock()
	c.electing = false
	if c.leader != 0 || !c.hasMajority() {
		return
	}
	var able []*Member
	for _, member := range c.members {
		if member.votes() {
			able = append(able, member)
		}
	}
	if c.formed.IsZero() {
		c.formed = time.Now()
	}
	w.lead(c, able[rand.IntN(len(able))])
	w.settle(c)
}

func (w *World) lead(c *Cluster, m *Member) {
	c.leader = m.ID
	c.term++
	w.note(c, "leader", m.Name)
}

func (w *World) note(c *Cluster, what, member string) {
	w.journal = append(w.journal, Entry{unixNow(), c.Name, what, member})
}

// moveLeader makes another voter the leader, unasked, and returns its name.
func (w *World) moveLeader(name string) (string, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := w.byName[name]
	if c == nil {
		return "", false
	}
	for _, member := range c.members {
		if member.votes() && member.ID != c.leader {
			w.lead(c, member)
			return member.Name, true
		}
	}
	return "", false
}

// setStalled stops or continues the processes of members by name, as SIGSTOP and SIGCONT do.
func (w *World) setStalled(names []string, stalled bool) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	count := 0
	for _, process := range w.named(names) {
		if process.stalled == stalled {
			continue
		}
		count++
		process.stalled = stalled
		if stalled && process.gate == nil {
			process.gate = make(chan struct{})
		} else if !stalled && process.served {
			process.release()
		}
		w.settle(process.cluster)
	}
	return count
}

// setLying has members by name answer with nonsense, or as they should again.
func (w *World) setLying(names []string, lies bool) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	count := 0
	for _, process := range w.named(names) {
		if process.lies != lies {
			process.lies = lies
			count++
		}
	}
	return count
}

// named returns the processes of members by name; the caller holds the lock.
func (w *World) named(names []string) []*Process {
	wanted := map[string]bool{}
	for _, name := range names {
		wanted[name] = true
	}
	var found []*Process
	for _, process := range w.byAddr {
		if wanted[process.cluster.Name+"/"+process.member.Name] {
			found = append(found, process)
		}
	}
	return found
}

// healthy tells whether a kubelet's readiness probe, a linearizable read, would succeed.
func (w *World) healthy(process *Process) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return process.served && !process.stalled && process.cluster.leader != 0
}

// wait returns when the process reads and writes again, or has ended.
func (w *World) wait(process *Process) {
	for {
		w.mu.Lock()
		gate := process.gate
		w.mu.Unlock()
		if gate == nil {
			return
		}
		<-gate
	}
}

func (w *World) processAt(address string) *Process {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.byAddr[address]
}

// awaitLeader waits, with the lock held at both ends, for what a quorum has to confirm.
func (w *World) awaitLeader(ctx context.Context, c *Cluster) error {
	for c.leader == 0 {
		w.mu.Unlock()
		select {
		case <-ctx.Done():
			w.mu.Lock()
			return ctx.Err()
		case <-time.After(20 * time.Millisecond):
			w.mu.Lock()
		}
	}
	return nil
}

func (c *Cluster) header(m *Member) *pb.ResponseHeader {
	return &pb.ResponseHeader{ClusterId: c.ID, MemberId: m.ID, Revision: c.revision(), RaftTerm: c.term}
}

func (c *Cluster) revision() int64 {
	if c.formed.IsZero() {
		return 1
	}
	return 1 + int64(time.Since(c.formed).Seconds()*writesPerSec)
}
