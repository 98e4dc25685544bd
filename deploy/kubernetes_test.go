package deploy_test

import (
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// manifest is what the test looks at in a document of Kubernetes.
type manifest struct {
	APIVersion string `yaml:"apiVersion"`
	Kind       string
	Metadata   struct{ Name string }
	Spec       struct {
		Replicas int
		Template struct {
			Spec struct {
				SecurityContext struct {
					RunAsNonRoot bool `yaml:"runAsNonRoot"`
					RunAsUser    int  `yaml:"runAsUser"`
				} `yaml:"securityContext"`
				Containers []struct {
					Args            []string
					SecurityContext struct {
						AllowPrivilegeEscalation *bool `yaml:"allowPrivilegeEscalation"`
						ReadOnlyRootFilesystem   bool  `yaml:"readOnlyRootFilesystem"`
						Capabilities             struct{ Drop []string }
					} `yaml:"securityContext"`
					Resources struct{ Requests, Limits map[string]string }
				}
			}
		}
	}
}

// The manifests are read, each has what every one has, and the server's container is as narrow as it can be. Where there is a linter,
// it has its say.
func TestTheManifestsOfKubernetes(t *testing.T) {
	text, err := os.ReadFile("kubernetes/accord.yaml")
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string]int{}
	for d := yaml.NewDecoder(strings.NewReader(string(text))); ; {
		var m manifest
		err := d.Decode(&m)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if m.APIVersion == "" || m.Kind == "" || !strings.HasPrefix(m.Metadata.Name, "accord") {
			t.Errorf("a document lacks its kind or name: %+v", m)
		}
		kinds[m.Kind]++
		if m.Kind != "StatefulSet" {
			continue
		}
		pod := m.Spec.Template.Spec
		c := pod.Containers[0]
		if m.Spec.Replicas != 1 || !pod.SecurityContext.RunAsNonRoot || pod.SecurityContext.RunAsUser != 65532 || c.SecurityContext.AllowPrivilegeEscalation == nil ||
			*c.SecurityContext.AllowPrivilegeEscalation || !c.SecurityContext.ReadOnlyRootFilesystem || c.SecurityContext.Capabilities.Drop[0] != "ALL" ||
			c.Resources.Limits["memory"] == "" || c.Resources.Requests["cpu"] == "" {
			t.Errorf("the server is not as narrow as it can be: %+v", pod)
		}
	}
	for _, kind := range []string{"StatefulSet", "Service", "PersistentVolumeClaim", "NetworkPolicy", "ServiceAccount"} {
		if kinds[kind] != 1 {
			t.Errorf("%d documents of the kind %s", kinds[kind], kind)
		}
	}
	run(t, "kubeconform", "-strict", "kubernetes/accord.yaml")
}
