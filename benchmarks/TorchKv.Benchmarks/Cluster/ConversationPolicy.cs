using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Http;
using Yarp.ReverseProxy.LoadBalancing;
using Yarp.ReverseProxy.Model;

namespace TorchKv.Benchmarks.Cluster;

/// <summary>Sends a conversation to the destination whose hash with it is the highest.</summary>
internal sealed class ConversationPolicy : ILoadBalancingPolicy
{
    public const string PolicyName = "Conversation";

    public string Name => PolicyName;

    public DestinationState? PickDestination(
        HttpContext context, ClusterState cluster, IReadOnlyList<DestinationState> availableDestinations)
    {
        var conversation = context.Request.Headers[ClusterRequest.ConversationHeader].ToString();
        return availableDestinations.MaxBy(
            destination => BinaryPrimitives.ReadUInt64LittleEndian(
                SHA256.HashData(Encoding.UTF8.GetBytes(destination.DestinationId + " " + conversation))));
    }
}
