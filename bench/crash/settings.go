package main

import (
	_ "embed"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strings"

	"github.com/perennial-ml/perennial/bench/crash/oracle"
	"github.com/perennial-ml/perennial/bench/crash/traffic"
	"github.com/perennial-ml/perennial/cmd/learner/config"
	"github.com/perennial-ml/perennial/compute"
	"github.com/perennial-ml/perennial/feedback"
)

//go:embed learner.yaml
var learnerYAML string

// A setting is where one run's learner lives.
type setting struct {
	dir    string
	file   string            // the configuration
	by     map[string]string // configurations that differ from it by the family of kernels alone
	http   string            // base URL
	nats   string            // URL
	config *config.Config
}

// newSetting writes the learner's configuration, with two free ports, and reads it back
// as the learner will.
func newSetting(dir string, seed uint64) (setting, error) {
	ports, err := freePorts(2)
	if err != nil {
		return setting{}, err
	}
	s := setting{
		dir: dir, file: filepath.Join(dir, "learner.yaml"),
		http: "http://" + ports[0], nats: "nats://" + ports[1],
	}
	s.by = map[string]string{compute.Auto: s.file}
	for _, family := range compute.Families() {
		s.by[family] = filepath.Join(dir, "learner-"+family+".yaml")
	}
	for family, file := range s.by {
		text := strings.NewReplacer("HTTP_ADDRESS", ports[0], "NATS_ADDRESS", ports[1], "SEED", fmt.Sprint(seed),
			"KERNELS", family).Replace(learnerYAML)
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			return setting{}, err
		}
	}
	if s.config, err = config.Load(s.file); err != nil {
		return setting{}, fmt.Errorf("the generated configuration: %w", err)
	}
	return s, nil
}

// freePorts returns loopback addresses that nobody listens on at this moment, of ports that
// no system gives to those who ask for any: the learner has to find them free at every start.
func freePorts(n int) ([]string, error) {
	const first, end = 20_000, 32_000
	var list []string
	var err error
	for tries := 0; len(list) < n && tries < 100; tries++ {
		var ln net.Listener
		if ln, err = net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", first+rand.IntN(end-first))); err == nil {
			defer ln.Close()
			list = append(list, ln.Addr().String())
		}
	}
	if len(list) < n {
		return nil, fmt.Errorf("look for a free port: %w", err)
	}
	return list, nil
}

// clientModels describes the models of learner.yaml as a client knows them.
func clientModels() []traffic.Model {
	return []traffic.Model{
		{
			Name: "clicks", Numbers: []string{"price", "hour"}, Vector: "taste", Dim: 3,
			Word: "city", Categories: []string{"graz", "linz", "wien", "bern", "ulm", "köln"},
		},
		{Name: "topics", Classes: 4, Numbers: []string{"length", "age", "depth"}},
	}
}

// oracleConfig says to the oracle what the configuration says to the learner.
func oracleConfig(c *config.Config, m config.Model) oracle.Config {
	reliability := map[string]float64{}
	for kind, w := range m.Signals.Reliability {
		reliability[string(kind)] = w
	}
	j := m.Signals.Join
	return oracle.Config{
		Classes:     m.Classes,
		Learn:       c.Consent.Default == feedback.ConsentLearn,
		Reliability: reliability,
		RatingMin:   m.Signals.Rating.Min, RatingMax: m.Signals.Rating.Max,
		Dwell:  m.Signals.DwellThreshold.Seconds(),
		Window: j.Window, OrphanWait: j.OrphanWait, MaxPredictions: j.MaxPredictions,
		BatchSize: m.Batch.Size, BatchWait: m.Batch.Wait,
	}
}
