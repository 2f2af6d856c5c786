using Microsoft.Extensions.AI;
using TorchKv.Extensions.AI;
using Storyteller = TorchKv.Server.Tests.Support.Storyteller;

namespace TorchKv.Server.Tests.Clients;

public sealed class InProcessChatClientTests(Storyteller storyteller) : ChatClientContract
{
    protected override IChatClient Client { get; } = storyteller.Engine.AsIChatClient(modelId: "storyteller");
}
