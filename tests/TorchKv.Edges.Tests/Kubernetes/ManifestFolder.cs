using k8s;
using k8s.Models;
using TorchKv.TestSupport;

namespace TorchKv.Edges.Tests.Kubernetes;

/// <summary>The files of deploy/kubernetes as typed objects; a field that a type does not have is an error.</summary>
internal static class ManifestFolder
{
    private static readonly Dictionary<string, Type> s_types = new()
    {
        ["kustomize.config.k8s.io/v1beta1/Kustomization"] = typeof(Kustomization),
        ["inference.networking.k8s.io/v1/InferencePool"] = typeof(InferencePool),
    };

    /// <summary>The folders that <c>kubectl apply -k</c> takes.</summary>
    public static string[] Folders { get; } =
        [RepositoryFiles.At("deploy", "kubernetes"), RepositoryFiles.At("deploy", "kubernetes", "gateway")];

    public static string[] Files { get; } =
        [.. Folders.SelectMany(folder => Directory.GetFiles(folder, "*.yaml")).Order()];

    /// <summary>All objects of all files but the kustomizations.</summary>
    public static IReadOnlyList<object> Objects { get; } =
        [.. Files.SelectMany(file => Parse(File.ReadAllText(file))).Where(item => item is not Kustomization)];

    public static V1StatefulSet Replicas => Objects.OfType<V1StatefulSet>().Single();

    public static V1Deployment Routers => Objects.OfType<V1Deployment>().Single();

    public static InferencePool Pool => Objects.OfType<InferencePool>().Single();

    /// <summary>The templates of all pods, by the name of what makes them.</summary>
    public static Dictionary<string, V1PodTemplateSpec> Pods { get; } = new()
    {
        [Replicas.Name()] = Replicas.Spec.Template,
        [Routers.Name()] = Routers.Spec.Template,
    };

    /// <exception cref="YamlDotNet.Core.YamlException">
    /// The text is no YAML, or has a field that its type does not have.
    /// </exception>
    public static List<object> Parse(string text) => KubernetesYaml.LoadAllFromString(text, s_types, strict: true);

    /// <summary>What a container's command line gives an option; null: it has not the option.</summary>
    public static string? Argument(V1PodTemplateSpec pod, string option)
    {
        var arguments = pod.Spec.Containers.Single().Args;
        var at = arguments.IndexOf(option);
        return at < 0 ? null : arguments[at + 1];
    }
}
