// CoreDNS with just the plugins that a Kubernetes cluster's Corefile needs, and the one that has its
// records in etcd, for a test.
package main

import (
	_ "github.com/coredns/coredns/plugin/bind"
	_ "github.com/coredns/coredns/plugin/cache"
	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/etcd"
	_ "github.com/coredns/coredns/plugin/health"
	_ "github.com/coredns/coredns/plugin/kubernetes"
	_ "github.com/coredns/coredns/plugin/loop"
	_ "github.com/coredns/coredns/plugin/ready"
	_ "github.com/coredns/coredns/plugin/reload"

	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/coremain"
)

// The order in which the plugins of a server block are asked.
var order = []string{
	"reload", "bind", "cache", "errors", "health", "kubernetes", "etcd", "loop", "ready",
}

func main() {
	dnsserver.Directives = order
	coremain.Run()
}
