package main

import (
	"context"
	"math"
	"math/rand/v2"
	"net"
	"strings"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc"
	"google.golang.org/grpc/peer"
)

// serveMembers answers for all members; a connection to an address without a process is reset.
func (w *World) serveMembers(address string) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	server := grpc.NewServer(
		grpc.UnaryInterceptor(w.count),
		grpc.ReadBufferSize(4096), grpc.WriteBufferSize(4096), grpc.SharedWriteBuffer(true),
	)
	pb.RegisterMaintenanceServer(server, &maintenance{World: w})
	pb.RegisterClusterServer(server, &membership{World: w})
	return server.Serve(&doors{listener, w})
}

// doors lets in who dialled a process that runs.
type doors struct {
	net.Listener
	world *World
}

func (d *doors) Accept() (net.Conn, error) {
	for {
		conn, err := d.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if held := d.world.admit(conn); held != nil {
			return held, nil
		}
		conn.(*net.TCPConn).SetLinger(0)
		conn.Close()
	}
}

func (w *World) admit(conn net.Conn) net.Conn {
	host, _, _ := net.SplitHostPort(conn.LocalAddr().String())
	w.mu.Lock()
	defer w.mu.Unlock()
	process := w.byAddr[host]
	if process == nil {
		w.refused++
		return nil
	}
	w.opened++
	w.open++
	held := &heldConn{Conn: conn, world: w, process: process}
	process.conns[held] = struct{}{}
	return held
}

// heldConn is a connection whose process may be stopped: the kernel takes data, nobody reads it.
type heldConn struct {
	net.Conn
	world   *World
	process *Process
}

func (c *heldConn) Read(buffer []byte) (int, error) {
	n, err := c.Conn.Read(buffer)
	c.world.wait(c.process)
	return n, err
}

func (c *heldConn) Write(buffer []byte) (int, error) {
	c.world.wait(c.process)
	return c.Conn.Write(buffer)
}

func (c *heldConn) Close() error {
	// Not waited for: whoever ends a process holds the lock.
	go func() {
		c.world.mu.Lock()
		defer c.world.mu.Unlock()
		if _, known := c.process.conns[c]; known {
			delete(c.process.conns, c)
			c.world.open--
		}
	}()
	return c.Conn.Close()
}

func (w *World) count(ctx context.Context, request any, info *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
	method := info.FullMethod[strings.LastIndexByte(info.FullMethod, '/')+1:]
	answer, err := handle(ctx, request)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calls[method]++
	if err != nil {
		w.failed[method]++
	}
	return answer, err
}

// self returns the member that was dialled, with the lock held; nil if its process ended.
func (w *World) self(ctx context.Context) (*Cluster, *Member, *Process) {
	caller, _ := peer.FromContext(ctx)
	host, _, _ := net.SplitHostPort(caller.LocalAddr.String())
	process := w.byAddr[host]
	if process == nil {
		return nil, nil, nil
	}
	return process.cluster, process.member, process
}

type maintenance struct {
	pb.UnimplementedMaintenanceServer
	*World
}

func (w *maintenance) Status(ctx context.Context, _ *pb.StatusRequest) (*pb.StatusResponse, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	c, m, process := w.self(ctx)
	if m == nil {
		return nil, rpctypes.ErrGRPCStopped
	}
	now := time.Now()
	if c.seen.IsZero() {
		c.seen, c.last = now, now
	}
	c.longest, c.last = max(c.longest, now.Sub(c.last)), now
	if process.lies {
		return nonsense(), nil
	}
	index := uint64(c.revision()) + 8
	answer := &pb.StatusResponse{
		Header: c.header(m), Version: process.version, DbSize: dbSize, DbSizeInUse: dbSize,
		Leader: c.leader, RaftTerm: c.term, RaftIndex: index, RaftAppliedIndex: index, IsLearner: m.Learner,
	}
	if !strings.HasPrefix(process.version, "3.5.") {
		minor := process.version[:strings.LastIndexByte(process.version, '.')]
		answer.StorageVersion, answer.DbSizeQuota = minor+".0", 2<<30
	}
	return answer, nil
}

// nonsense is a message of the right type and half of the largest size, in which nothing is right.
func nonsense() *pb.StatusResponse {
	any := func() uint64 { return rand.Uint64() | 1 }
	return &pb.StatusResponse{
		Header:  &pb.ResponseHeader{ClusterId: any(), MemberId: any(), Revision: math.MinInt64, RaftTerm: any()},
		Version: strings.Repeat("3.", 1<<20), DbSize: -1, DbSizeInUse: math.MaxInt64,
		Leader: any(), RaftTerm: math.MaxUint64, RaftIndex: any(), RaftAppliedIndex: math.MaxUint64,
		Errors: []string{"\x1b[2J", strings.Repeat("e", 1<<10)},
	}
}

func (w *maintenance) HashKV(ctx context.Context, request *pb.HashKVRequest) (*pb.HashKVResponse, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	c, m, _ := w.self(ctx)
	if m == nil {
		return nil, rpctypes.ErrGRPCStopped
	}
	return &pb.HashKVResponse{
		Header: c.header(m), Hash: uint32(c.ID), CompactRevision: 1, HashRevision: request.Revision,
	}, nil
}

func (w *maintenance) MoveLeader(ctx context.Context, request *pb.MoveLeaderRequest) (*pb.MoveLeaderResponse, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	c, m, _ := w.self(ctx)
	if m == nil {
		return nil, rpctypes.ErrGRPCStopped
	}
	heir := c.member(request.TargetID)
	switch {
	case c.leader != m.ID:
		return nil, rpctypes.ErrGRPCNotLeader
	case heir == nil || !heir.votes():
		return nil, rpctypes.ErrGRPCBadLeaderTransferee
	}
	w.lead(c, heir)
	return &pb.MoveLeaderResponse{Header: c.header(m)}, nil
}

type membership struct {
	pb.UnimplementedClusterServer
	*World
}

// confirmed returns who was dialled, once a quorum stands behind it.
func (w *membership) confirmed(ctx context.Context) (*Cluster, *Member, error) {
	c, m, _ := w.self(ctx)
	if m == nil {
		return nil, nil, rpctypes.ErrGRPCStopped
	}
	if m.Learner {
		return nil, nil, rpctypes.ErrGRPCNotSupportedForLearner
	}
	return c, m, w.awaitLeader(ctx, c)
}

func list(c *Cluster) []*pb.Member {
	found := make([]*pb.Member, 0, len(c.members))
	for _, each := range c.members {
		found = append(found, show(each))
	}
	return found
}

func show(m *Member) *pb.Member {
	shown := &pb.Member{ID: m.ID, Name: m.Name, PeerURLs: []string{m.PeerURL}, IsLearner: m.Learner}
	if m.ClientURL != "" {
		shown.ClientURLs = []string{m.ClientURL}
	}
	return shown
}

func clientURL(peerURL string) string { return strings.Replace(peerURL, ":2380", ":2379", 1) }

func (w *membership) MemberList(ctx context.Context, request *pb.MemberListRequest) (*pb.MemberListResponse, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	c, m, _ := w.self(ctx)
	if m == nil {
		return nil, rpctypes.ErrGRPCStopped
	}
	if request.Linearizable {
		if _, _, err := w.confirmed(ctx); err != nil {
			return nil, err
		}
	}
	return &pb.MemberListResponse{Header: c.header(m), Members: list(c)}, nil
}

func (w *membership) MemberAdd(ctx context.Context, request *pb.MemberAddRequest) (*pb.MemberAddResponse, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	c, m, err := w.confirmed(ctx)
	if err != nil {
		return nil, err
	}
	learners := 0
	for _, each := range c.members {
		if each.PeerURL == request.PeerURLs[0] {
			return nil, rpctypes.ErrGRPCPeerURLExist
		}
		if each.Learner {
			learners++
		} else if !each.votes() || time.Since(each.process.begun) < connectTime {
			return nil, rpctypes.ErrGRPCUnhealthy
		}
	}
	most := 1
	if !strings.HasPrefix(m.process.version, "3.5.") {
		most = 8
	}
	if request.IsLearner && learners >= most {
		return nil, rpctypes.ErrGRPCTooManyLearners
	}
	added := &Member{ID: rand.Uint64() | 1, PeerURL: request.PeerURLs[0], Learner: request.IsLearner}
	c.members = append(c.members, added)
	w.note(c, "add", added.PeerURL)
	return &pb.MemberAddResponse{Header: c.header(m), Member: show(added), Members: list(c)}, nil
}

func (w *membership) MemberPromote(ctx context.Context, request *pb.MemberPromoteRequest) (*pb.MemberPromoteResponse, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	c, m, err := w.confirmed(ctx)
	if err != nil {
		return nil, err
	}
	learner := c.member(request.ID)
	switch {
	case learner == nil:
		return nil, rpctypes.ErrGRPCMemberNotFound
	case !learner.Learner:
		return nil, rpctypes.ErrGRPCMemberNotLearner
	case learner.process == nil || !learner.process.served:
		return nil, rpctypes.ErrGRPCLearnerNotReady
	}
	learner.Learner = false
	w.note(c, "promote", learner.Name)
	return &pb.MemberPromoteResponse{Header: c.header(m), Members: list(c)}, nil
}

func (w *membership) MemberRemove(ctx context.Context, request *pb.MemberRemoveRequest) (*pb.MemberRemoveResponse, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	c, m, err := w.confirmed(ctx)
	if err != nil {
		return nil, err
	}
	gone := c.member(request.ID)
	if gone == nil {
		return nil, rpctypes.ErrGRPCMemberNotFound
	}
	left := c.members[:0:0]
	for _, each := range c.members {
		if each != gone {
			left = append(left, each)
		}
	}
	c.members = left
	w.note(c, "remove", gone.Name)
	answer := &pb.MemberRemoveResponse{Header: c.header(m), Members: list(c)}
	if gone.process != nil { // it learns of its removal, and ends
		w.stop(gone.process)
	}
	w.settle(c)
	return answer, nil
}
