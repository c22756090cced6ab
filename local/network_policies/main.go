// The network policy controller of kube-router, and nothing else of it, for one node.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"github.com/cloudnativelabs/kube-router/v2/pkg/controllers/netpol"
	"github.com/cloudnativelabs/kube-router/v2/pkg/healthcheck"
	"github.com/cloudnativelabs/kube-router/v2/pkg/options"
	coreinformers "k8s.io/client-go/informers/core/v1"
	networkinginformers "k8s.io/client-go/informers/networking/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"
)

func main() {
	klog.InitFlags(nil)
	kubeconfig := flag.String("kubeconfig", "", "how to reach the API server")
	node := flag.String("node", "", "the node in whose network namespace this runs")
	services := flag.String("service-cluster-ip-range", "", "the network of ClusterIPs")
	flag.Parse()
	// kube-router asks for the node of this name first, and then for one with the machine's name.
	os.Setenv("NODE_NAME", *node)
	if err := enforce(*kubeconfig, *services); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// enforce lets packets through as the policies say until it is told to stop. Its rules outlive it.
func enforce(kubeconfig, services string) error {
	connection, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(connection)
	if err != nil {
		return err
	}
	config := options.NewKubeRouterConfig()
	config.ClusterIPCIDRs = []string{services}
	config.EnableIPv4 = true
	commands, sets, err := netpol.NewIPTablesHandlers(config)
	if err != nil {
		return err
	}
	byNamespace := cache.Indexers{cache.NamespaceIndex: cache.MetaNamespaceIndexFunc}
	pods := coreinformers.NewPodInformer(client, "", 0, byNamespace)
	namespaces := coreinformers.NewNamespaceInformer(client, 0, byNamespace)
	policies := networkinginformers.NewNetworkPolicyInformer(client, "", 0, byNamespace)
	controller, err := netpol.NewNetworkPolicyController(
		client, config, pods, policies, namespaces, &sync.Mutex{}, commands, sets)
	if err != nil {
		return err
	}
	return run(controller, map[cache.SharedIndexInformer]cache.ResourceEventHandler{
		pods:       controller.PodEventHandler,
		namespaces: controller.NamespaceEventHandler,
		policies:   controller.NetworkPolicyEventHandler,
	})
}

// run feeds the controller with events from when everything is known until a signal.
func run(
	controller *netpol.NetworkPolicyController,
	handlers map[cache.SharedIndexInformer]cache.ResourceEventHandler,
) error {
	stop := make(chan struct{})
	for informer, handler := range handlers {
		if _, err := informer.AddEventHandler(handler); err != nil {
			return err
		}
		go informer.Run(stop)
	}
	for informer := range handlers {
		cache.WaitForCacheSync(stop, informer.HasSynced)
	}
	heartbeats := make(chan *healthcheck.ControllerHeartbeat)
	go func() {
		// Nobody judges them, but the controller waits until somebody has taken each.
		for range heartbeats {
		}
	}()
	var running sync.WaitGroup
	running.Add(1)
	go controller.Run(heartbeats, stop, &running)
	told := make(chan os.Signal, 1)
	signal.Notify(told, syscall.SIGTERM, syscall.SIGINT)
	<-told
	close(stop)
	running.Wait()
	return nil
}
