namespace TorchKv.Cluster.Routing;

/// <summary>What decides between two replicas.</summary>
/// <param name="IsWithinBound">Whether its load stays within the bound: comes before everything else.</param>
/// <param name="Score">Share of the prompt that it has, less what its load counts.</param>
/// <param name="Load">
/// Its load where it has nothing of the prompt. Where it has something, routers should agree, and each sees another
/// load.
/// </param>
/// <param name="Rendezvous">Hash of prompt and replica, the same at every router.</param>
internal readonly record struct RouteRank(bool IsWithinBound, double Score, long Load, ulong Rendezvous)
    : IComparable<RouteRank>
{
    /// <summary>Above 0 where this one is better.</summary>
    public int CompareTo(RouteRank other)
    {
        var order = IsWithinBound.CompareTo(other.IsWithinBound);
        order = order != 0 ? order : Score.CompareTo(other.Score);
        order = order != 0 ? order : other.Load.CompareTo(Load);
        return order != 0 ? order : Rendezvous.CompareTo(other.Rendezvous);
    }
}
