package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	listers "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"
	"sigs.k8s.io/sig-storage-lib-external-provisioner/v13/controller"
)

// provisionerName is what StorageClass `standard` refers to.
const provisionerName = "local.etcd-operator.dev/directory"

// directories provisions each volume as a fresh directory of the node that the scheduler chose.
//
// Volumes are of type `local`, not `hostPath`: the kubelet applies fsGroup to them, so that a
// non-root process can write. Sizes are not enforced.
type directories struct {
	root   string
	client kubernetes.Interface
}

// Provision makes the directory and describes the volume.
func (d directories) Provision(ctx context.Context, o controller.ProvisionOptions) (*v1.PersistentVolume, controller.ProvisioningState, error) {
	node := o.SelectedNodeName
	if node == "" { // the class binds at once: any node will do
		nodes, err := d.client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
		if err != nil || len(nodes.Items) == 0 {
			return nil, controller.ProvisioningFinished, fmt.Errorf("no node to make the volume on: %v", err)
		}
		node = nodes.Items[rand.IntN(len(nodes.Items))].Name
	}
	path := filepath.Join(d.root, node, o.PVName)
	if err := os.MkdirAll(path, 0o770); err != nil {
		return nil, controller.ProvisioningFinished, err
	}
	hostname := v1.NodeSelectorRequirement{Key: v1.LabelHostname, Operator: v1.NodeSelectorOpIn, Values: []string{node}}
	return &v1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{Name: o.PVName},
		Spec: v1.PersistentVolumeSpec{
			PersistentVolumeReclaimPolicy: *o.StorageClass.ReclaimPolicy,
			AccessModes:                   o.PVC.Spec.AccessModes,
			Capacity:                      v1.ResourceList{v1.ResourceStorage: o.PVC.Spec.Resources.Requests[v1.ResourceStorage]},
			PersistentVolumeSource:        v1.PersistentVolumeSource{Local: &v1.LocalVolumeSource{Path: path}},
			NodeAffinity: &v1.VolumeNodeAffinity{Required: &v1.NodeSelector{
				NodeSelectorTerms: []v1.NodeSelectorTerm{{MatchExpressions: []v1.NodeSelectorRequirement{hostname}}},
			}},
		},
	}, controller.ProvisioningFinished, nil
}

// Delete removes the directory with all that is in it.
func (d directories) Delete(_ context.Context, volume *v1.PersistentVolume) error {
	if volume.Spec.Local == nil || filepath.Dir(filepath.Dir(volume.Spec.Local.Path)) != filepath.Clean(d.root) {
		return fmt.Errorf("volume %s is not below %s", volume.Name, d.root)
	}
	return os.RemoveAll(volume.Spec.Local.Path)
}

// boundAnnotation marks claims that the scheduler was told of a second time.
const boundAnnotation = "local.etcd-operator.dev/bound"

// tend gives claims of this provisioner the size they ask for, as a directory has room for any,
// and tells the scheduler once more that they are bound.
//
// It reads from caches: to ask for each claim every second took a third of what the API server of nine
// volumes does at rest.
func tend(ctx context.Context, client kubernetes.Interface) {
	informed := informers.NewSharedInformerFactory(client, 0)
	volumes := informed.Core().V1().PersistentVolumes().Lister()
	claims := informed.Core().V1().PersistentVolumeClaims().Lister()
	informed.Start(ctx.Done())
	informed.WaitForCacheSync(ctx.Done())
	for ; ctx.Err() == nil; time.Sleep(time.Second) {
		known, err := volumes.List(labels.Everything())
		if err != nil {
			klog.ErrorS(err, "volumes not listed")
			continue
		}
		for _, volume := range known {
			// A cache may be late: what has changed or gone meanwhile is seen in a second.
			err := tendVolume(ctx, client, claims, volume)
			if err != nil && !errors.IsNotFound(err) && !errors.IsConflict(err) {
				klog.ErrorS(err, "volume not looked after", "volume", volume.Name)
			}
		}
	}
}

func tendVolume(ctx context.Context, client kubernetes.Interface, claims listers.PersistentVolumeClaimLister, volume *v1.PersistentVolume) error {
	bound := volume.Spec.ClaimRef
	if bound == nil || volume.Spec.Local == nil || volume.Status.Phase != v1.VolumeBound {
		return nil
	}
	claim, err := claims.PersistentVolumeClaims(bound.Namespace).Get(bound.Name)
	if err != nil || claim.UID != bound.UID {
		return err
	}
	if _, told := claim.Annotations[boundAnnotation]; !told && claim.Status.Phase == v1.ClaimBound {
		if claim, err = tellScheduler(ctx, client, claim); err != nil {
			return err
		}
	}
	wanted := claim.Spec.Resources.Requests[v1.ResourceStorage]
	has, known := claim.Status.Capacity[v1.ResourceStorage]
	if !known || wanted.Cmp(has) <= 0 {
		return nil
	}
	volume, claim = volume.DeepCopy(), claim.DeepCopy()
	volume.Spec.Capacity[v1.ResourceStorage] = wanted
	if _, err := client.CoreV1().PersistentVolumes().Update(ctx, volume, metav1.UpdateOptions{}); err != nil {
		return err
	}
	claim.Status.Capacity[v1.ResourceStorage] = wanted
	_, err = client.CoreV1().PersistentVolumeClaims(bound.Namespace).UpdateStatus(ctx, claim, metav1.UpdateOptions{})
	return err
}

// tellScheduler changes a bound claim once more. The scheduler tries a Pod again when it hears that
// the claim was bound, sometimes before its own cache shows it; without another change of the claim
// the Pod then waits for five minutes.
func tellScheduler(ctx context.Context, client kubernetes.Interface, claim *v1.PersistentVolumeClaim) (*v1.PersistentVolumeClaim, error) {
	patch := fmt.Appendf(nil, `{"metadata":{"uid":%q,"annotations":{%q:"true"}}}`, claim.UID, boundAnnotation)
	claims := client.CoreV1().PersistentVolumeClaims(claim.Namespace)
	return claims.Patch(ctx, claim.Name, types.MergePatchType, patch, metav1.PatchOptions{})
}

func newProvisionerCommand() *cobra.Command {
	var kubeconfig, root string
	command := &cobra.Command{
		Use:   "volume-provisioner",
		Short: "Provisions directories of the nodes as volumes",
		RunE: func(command *cobra.Command, _ []string) error {
			config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
			if err != nil {
				return err
			}
			config.QPS, config.Burst = 100, 200
			client, err := kubernetes.NewForConfig(config)
			if err != nil {
				return err
			}
			ctx := command.Context()
			go tend(ctx, client)
			controller.NewProvisionController(ctx, client, provisionerName, directories{root, client},
				controller.LeaderElection(false)).Run(ctx)
			return nil
		},
	}
	command.Flags().StringVar(&kubeconfig, "kubeconfig", "", "how to reach the API server")
	command.Flags().StringVar(&root, "root", "", "directory that holds one directory per node")
	return command
}
