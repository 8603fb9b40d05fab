import { parseAllDocuments } from 'yaml'
import type { KubernetesObject } from '../../../lib/model/kubernetes-object.ts'

const text = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: demo, labels: {app: web, tier: front}, annotations: {example.com/owner: team-a}}
spec:
  replicas: 3
  minReadySeconds: 5
  selector: {matchLabels: {app: web}}
  strategy: {type: RollingUpdate, rollingUpdate: {maxSurge: 1, maxUnavailable: 0}}
  template:
    metadata: {labels: {app: web, tier: front}, annotations: {checksum/config: abc}}
    spec:
      serviceAccountName: web
      terminationGracePeriodSeconds: 45
      nodeSelector: {disk: ssd}
      imagePullSecrets: [{name: registry}, {name: mirror}]
      securityContext: {runAsNonRoot: true, runAsUser: 1000, fsGroup: 2000, seccompProfile: {type: RuntimeDefault}}
      tolerations:
      - {key: dedicated, operator: Equal, value: web, effect: NoSchedule}
      - {key: spot, operator: Exists}
      topologySpreadConstraints:
      - {maxSkew: 1, topologyKey: zone, whenUnsatisfiable: ScheduleAnyway, labelSelector: {matchLabels: {app: web}}}
      affinity:
        podAntiAffinity:
          preferredDuringSchedulingIgnoredDuringExecution:
          - {weight: 100, podAffinityTerm: {topologyKey: kubernetes.io/hostname, labelSelector: {matchLabels: {app: web}}}}
      initContainers:
      - {name: migrate, image: 'registry.example.com/web:v1', command: [/bin/migrate, up]}
      - {name: warm, image: 'registry.example.com/web:v1', args: [--warm]}
      containers:
      - name: web
        image: registry.example.com/web:v1
        args: [--port, "8080"]
        ports: [{name: http, containerPort: 8080}, {name: metrics, containerPort: 9090}, {name: dns, containerPort: 53, protocol: UDP}]
        env:
        - {name: MODE, value: production}
        - {name: LEVEL, value: info}
        - {name: PASSWORD, valueFrom: {secretKeyRef: {name: db-credentials, key: password}}}
        - {name: NODE, valueFrom: {fieldRef: {fieldPath: spec.nodeName}}}
        envFrom: [{configMapRef: {name: settings}}]
        resources: {requests: {cpu: 500m, memory: 1Gi}, limits: {cpu: "1", memory: 2Gi}}
        readinessProbe: {httpGet: {path: /ready, port: http}, periodSeconds: 5}
        livenessProbe: {tcpSocket: {port: 8080}, failureThreshold: 5}
        lifecycle: {preStop: {exec: {command: [sleep, "5"]}}}
        securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL], add: [NET_BIND_SERVICE, CHOWN]}}
        volumeMounts: [{name: config, mountPath: /etc/web, readOnly: true}, {name: cache, mountPath: /cache}]
      - name: sidecar
        image: registry.example.com/sidecar@sha256:0000000000000000000000000000000000000000000000000000000000000001
        resources: {limits: {memory: 64Mi}}
      volumes:
      - {name: config, configMap: {name: settings, items: [{key: a, path: a}, {key: b, path: b}]}}
      - {name: cache, emptyDir: {sizeLimit: 512Mi}}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db, namespace: demo}
spec:
  serviceName: db
  replicas: 2
  selector: {matchLabels: {app: db}}
  template:
    metadata: {labels: {app: db}}
    spec:
      containers:
      - {name: db, image: 'postgres:17', ports: [{containerPort: 5432}], volumeMounts: [{name: data, mountPath: /data}]}
  volumeClaimTemplates:
  - {metadata: {name: data}, spec: {accessModes: [ReadWriteOnce], storageClassName: fast, resources: {requests: {storage: 10Gi}}}}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: demo}
spec:
  selector: {app: web}
  ports: [{name: http, port: 80, targetPort: http}, {name: metrics, port: 9090}]
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: demo}
spec:
  podSelector: {matchLabels: {app: web}}
  policyTypes: [Ingress, Egress]
  ingress:
  - from: [{podSelector: {matchLabels: {app: proxy}}}, {namespaceSelector: {matchLabels: {team: ops}}}]
    ports: [{port: 8080}, {port: 9090}]
  egress:
  - to: [{podSelector: {matchLabels: {app: db}}}]
    ports: [{port: 5432}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: deployer, namespace: demo}
rules:
- {apiGroups: [apps], resources: [deployments, statefulsets], verbs: [get, list, watch, patch]}
- {apiGroups: [""], resources: [pods], verbs: [get, list]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: deployer, namespace: demo}
roleRef: {kind: Role, name: deployer, apiGroup: rbac.authorization.k8s.io}
subjects: [{kind: ServiceAccount, name: deployer, namespace: demo}, {kind: Group, name: operators}]
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: report, namespace: demo}
spec:
  schedule: "0 3 * * *"
  jobTemplate:
    spec:
      template:
        spec:
          restartPolicy: OnFailure
          containers: [{name: report, image: 'registry.example.com/report:v3', resources: {requests: {cpu: "0.25", memory: 128Mi}}}]
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web, namespace: demo}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  maxReplicas: 10
  metrics:
  - {type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 70}}}
  - {type: Pods, pods: {metric: {name: requests}, target: {type: AverageValue, averageValue: "1"}}}
---
apiVersion: v1
kind: ResourceQuota
metadata: {name: limits, namespace: demo}
spec: {hard: {pods: "20", requests.cpu: "4", requests.memory: 8Gi}}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web, namespace: demo}
spec:
  ingressClassName: nginx
  tls: [{hosts: [www.example.com, example.com], secretName: web-tls}]
  rules:
  - {host: www.example.com, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {name: http}}}}]}}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: web, namespace: demo}
spec: {minAvailable: 1, selector: {matchLabels: {app: web}}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings, namespace: demo}
data: {a: "1", b: "two"}
---
apiVersion: v1
kind: Secret
metadata: {name: db-credentials, namespace: demo}
stringData: {password: not-a-secret, user: web}
`

/** Manifests with everything in them that a comparison has to know about. */
export const samples = (): KubernetesObject[] =>
  parseAllDocuments(text).map((document) => document.toJS() as KubernetesObject)

/** One of the samples. */
export function sample(kind: string): KubernetesObject {
  const found = samples().find((one) => one.kind === kind)
  if (!found) throw new Error(`no sample of the kind ${kind}`)
  return found
}
