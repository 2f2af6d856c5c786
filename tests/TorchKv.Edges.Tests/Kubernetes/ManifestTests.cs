using System.Diagnostics;
using System.Globalization;
using k8s;
using k8s.Models;
using TorchKv.TestSupport;

namespace TorchKv.Edges.Tests.Kubernetes;

/// <summary>The manifests hold to their schemas and fit together.</summary>
public sealed class ManifestTests
{
    // What the server adds to --shutdown-timeout for its last error events, and a few seconds for the process to end.
    private const int SecondsToEnd = 5;

    public static TheoryData<string> Files { get; } =
        [.. ManifestFolder.Files.Select(file => Path.GetRelativePath(RepositoryFiles.Root, file))];

    public static TheoryData<string> Pods { get; } = [.. ManifestFolder.Pods.Keys];

    [Theory]
    [MemberData(nameof(Files))]
    public void EveryFieldOfAFileIsKnown(string file)
    {
        var objects = ManifestFolder.Parse(File.ReadAllText(RepositoryFiles.At(file)));
        Assert.NotEmpty(objects);
        Assert.Equal(
            File.ReadLines(RepositoryFiles.At(file)).Count(line => line.StartsWith("kind:", StringComparison.Ordinal)),
            objects.Count);
    }

    [Theory]
    [InlineData("replicas.yaml", "terminationGracePeriodSeconds:", "terminationGracePeriodSecond:")]
    [InlineData("routers.yaml", "maxSurge:", "maxSurges:")]
    [InlineData("autoscaling.yaml", "averageValue:", "averageValues:")]
    [InlineData("disruption.yaml", "maxUnavailable:", "maxUnavailables:")]
    [InlineData("kustomization.yaml", "newTag:", "newTags:")]
    [InlineData("gateway/inferencepool.yaml", "failureMode:", "failMode:")]
    [InlineData("gateway/inferencepool.yaml", "targetPorts:", "targetPortNumber:")]
    public void AnUnknownFieldIsRefused(string file, string field, string unknown)
    {
        var text = File.ReadAllText(RepositoryFiles.At("deploy", "kubernetes", file));
        Assert.Contains(field, text);
        var error = Assert.ThrowsAny<Exception>(
            () => ManifestFolder.Parse(text.Replace(field, unknown, StringComparison.Ordinal)));
        Assert.Contains(unknown.TrimEnd(':'), error.ToString());
    }

    [Fact]
    public void AKustomizationNamesEveryFileOfItsFolder()
    {
        foreach (var folder in ManifestFolder.Folders)
        {
            var text = File.ReadAllText(Path.Combine(folder, "kustomization.yaml"));
            var kustomization = Assert.IsType<Kustomization>(Assert.Single(ManifestFolder.Parse(text)));
            Assert.Equal(
                Directory.GetFiles(folder, "*.yaml").Select(Path.GetFileName).Order(),
                kustomization.Resources.Append("kustomization.yaml").Order());
        }
    }

    [Fact]
    public async Task KubectlBuildsBothFoldersIntoTheSameObjects()
    {
        var built = new List<string>();
        foreach (var folder in ManifestFolder.Folders)
        {
            built.AddRange(ManifestFolder.Parse(await Kustomize(folder)).Select(NameOf));
        }

        Assert.Equal(ManifestFolder.Objects.Select(NameOf).Order(), built.Order());

        static string NameOf(object item) => item switch
        {
            InferencePool pool => $"InferencePool/{pool.Metadata!.Name}",
            IKubernetesObject<V1ObjectMeta> known => $"{known.Kind}/{known.Metadata.Name}",
            _ => throw new InvalidDataException($"{item.GetType()} has no name."),
        };
    }

    [Fact]
    public void ThePoolIsWhatItsDefinitionTakes()
    {
        Assert.Equal("inference.networking.k8s.io/v1", ManifestFolder.Pool.ApiVersion);
        Assert.Empty(ManifestFolder.Pool.Mistakes());
        Assert.NotNull(ManifestFolder.Pool.Spec!.EndpointPickerRef);
    }

    [Theory]
    [InlineData("number: 8000", "number: 80000")]
    [InlineData("failureMode: FailOpen", "failureMode: Open")]
    [InlineData("    port:\n      number: 9002\n", "")]
    [InlineData("    name: torchkv-endpoint-picker\n", "")]
    [InlineData("app.kubernetes.io/component: replica", "-app/component: replica")]
    public void APoolThatItsDefinitionRefusesIsRefused(string good, string bad)
    {
        var text = File.ReadAllText(RepositoryFiles.At("deploy", "kubernetes", "gateway", "inferencepool.yaml"));
        Assert.Contains(good, text);
        var changed = text.Replace(good, bad, StringComparison.Ordinal);
        var pool = ManifestFolder.Parse(changed).Cast<InferencePool>().Single();
        Assert.NotEmpty(pool.Mistakes());
    }

    [Fact]
    public void EverySelectorSelectsThePodsThatItIsFor()
    {
        var selectors = new List<(string Of, IDictionary<string, string> Labels)>
        {
            ("torchkv-replica", ManifestFolder.Replicas.Spec.Selector.MatchLabels),
            ("torchkv-router", ManifestFolder.Routers.Spec.Selector.MatchLabels),
            ("torchkv-replica", ManifestFolder.Pool.Spec!.Selector!.MatchLabels),
            ("torchkv-replica", Service("torchkv-replicas").Spec.Selector),
            ("torchkv-router", Service("torchkv").Spec.Selector),
        };
        var policy = Single<V1NetworkPolicy>();
        selectors.Add(("torchkv-replica", policy.Spec.PodSelector.MatchLabels));
        selectors.Add(("torchkv-router", policy.Spec.Ingress[1].FromProperty.Single().PodSelector.MatchLabels));
        selectors.AddRange(ManifestFolder.Objects.OfType<V1PodDisruptionBudget>().Select(
            budget => (budget.Name(), budget.Spec.Selector.MatchLabels)));
        selectors.AddRange(ManifestFolder.Pods.Select(
            pod => (pod.Key, pod.Value.Spec.TopologySpreadConstraints.Single().LabelSelector.MatchLabels)));
        Assert.Equal(11, selectors.Count);
        foreach (var (name, labels) in selectors)
        {
            var selected = ManifestFolder.Pods.Where(pod => labels.All(pod.Value.Metadata.Labels.Contains));
            Assert.Equal([name], selected.Select(pod => pod.Key));
        }
    }

    [Fact]
    public void EveryPortIsOneThatTheServerListensOn()
    {
        foreach (var pod in ManifestFolder.Pods.Values)
        {
            var ports = pod.Spec.Containers.Single().Ports
                .ToDictionary(port => port.Name, port => $"{port.ContainerPort}");
            Assert.Equal(ports["http"], ManifestFolder.Argument(pod, "--port"));
            Assert.Equal(ports.GetValueOrDefault("internal"), ManifestFolder.Argument(pod, "--internal-port"));
            Assert.Equal(ports["http"], pod.Metadata.Annotations["prometheus.io/port"]);
        }

        var replica = ManifestFolder.Pods["torchkv-replica"].Spec.Containers.Single().Ports;
        Assert.Equal(
            replica.Single(port => port.Name == "http").ContainerPort,
            ManifestFolder.Pool.Spec!.TargetPorts.Single().Number);
        foreach (var service in ManifestFolder.Objects.OfType<V1Service>())
        {
            var pod = ManifestFolder.Pods.Values.Single(pod => service.Spec.Selector.All(pod.Metadata.Labels.Contains));
            Assert.All(
                service.Spec.Ports,
                port => Assert.Contains(
                    pod.Spec.Containers.Single().Ports, known => known.Name == port.TargetPort.Value));
        }

        var policy = Single<V1NetworkPolicy>();
        Assert.Equal(["http", "internal"], policy.Spec.Ingress.Select(rule => rule.Ports.Single().Port.Value));

        // The routers ask the headless service at the replicas' internal port.
        var internalPort = ManifestFolder.Argument(ManifestFolder.Pods["torchkv-replica"], "--internal-port");
        Assert.Equal("None", Service("torchkv-replicas").Spec.ClusterIP);
        Assert.Equal("torchkv-replicas", ManifestFolder.Replicas.Spec.ServiceName);
        Assert.Equal(
            $"dns:torchkv-replicas:{internalPort}",
            ManifestFolder.Argument(ManifestFolder.Pods["torchkv-router"], "--replicas"));
    }

    [Theory]
    [MemberData(nameof(Pods))]
    public void APodHasTimeToDrain(string name)
    {
        var pod = ManifestFolder.Pods[name].Spec;
        var drain = int.Parse(
            ManifestFolder.Argument(ManifestFolder.Pods[name], "--shutdown-timeout")!, CultureInfo.InvariantCulture);
        var before = pod.Containers.Single().Lifecycle.PreStop.Sleep.Seconds;
        Assert.True(before >= 2 * pod.Containers.Single().ReadinessProbe.PeriodSeconds);
        Assert.True(pod.TerminationGracePeriodSeconds >= before + drain + SecondsToEnd);
    }

    [Theory]
    [MemberData(nameof(Pods))]
    public void APodRunsWithoutRootAndWritesNothing(string name)
    {
        var pod = ManifestFolder.Pods[name].Spec;
        var container = pod.Containers.Single();
        Assert.True(pod.SecurityContext.RunAsNonRoot);
        Assert.True(pod.SecurityContext.RunAsUser > 0);
        Assert.Equal("RuntimeDefault", pod.SecurityContext.SeccompProfile.Type);
        Assert.False(pod.AutomountServiceAccountToken);
        Assert.True(container.SecurityContext.ReadOnlyRootFilesystem);
        Assert.False(container.SecurityContext.AllowPrivilegeEscalation);
        Assert.Equal(["ALL"], container.SecurityContext.Capabilities.Drop);
        Assert.Contains("memory", container.Resources.Limits.Keys);
        Assert.Contains("cpu", container.Resources.Requests.Keys);
    }

    [Fact]
    public void TheAutoscalerScalesTheReplicas()
    {
        var autoscaler = Single<V2HorizontalPodAutoscaler>();
        Assert.Equal(ManifestFolder.Replicas.Name(), autoscaler.Spec.ScaleTargetRef.Name);
        Assert.Equal("StatefulSet", autoscaler.Spec.ScaleTargetRef.Kind);
        Assert.Equal(ManifestFolder.Replicas.Spec.Replicas, autoscaler.Spec.MinReplicas);
    }

    private static T Single<T>() => ManifestFolder.Objects.OfType<T>().Single();

    private static V1Service Service(string name) =>
        ManifestFolder.Objects.OfType<V1Service>().Single(service => service.Name() == name);

    private static async Task<string> Kustomize(string folder)
    {
        var path = new[] { "/usr/bin/kubectl", "/usr/local/bin/kubectl" }.FirstOrDefault(File.Exists);
        Assert.SkipWhen(path is null, "There is no kubectl.");
        using var process = Process.Start(new ProcessStartInfo(path!, ["kustomize", folder])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        var errors = process.StandardError.ReadToEndAsync();
        var text = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.True(process.ExitCode == 0, await errors);
        return text;
    }
}
