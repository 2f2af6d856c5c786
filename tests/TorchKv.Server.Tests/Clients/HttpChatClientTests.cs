using System.ClientModel;
using Microsoft.Extensions.AI;
using OpenAI;
using OpenAI.Chat;
using Storyteller = TorchKv.Server.Tests.Support.Storyteller;

namespace TorchKv.Server.Tests.Clients;

public sealed class HttpChatClientTests(Storyteller storyteller) : ChatClientContract
{
    protected override IChatClient Client { get; } = new ChatClient(
        "storyteller",
        new ApiKeyCredential("any"),
        new OpenAIClientOptions { Endpoint = new Uri(storyteller.Server.Address, "/v1") }).AsIChatClient();
}
