using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Configuration;
using TorchKv.Extensions.AI;
using TorchKv.Server;

var builder = WebApplication.CreateBuilder(args);
builder.Services.AddTorchKv(builder.Configuration["Model"] ?? "weights/storyteller");
builder.Services.AddTorchKvServer();

var app = builder.Build();
app.MapGroup("/ai").MapTorchKv(); // OpenAI's clients use http://…/ai/v1 as their address
app.MapGet("/story", async (IChatClient client, string about) =>
{
    var options = new ChatOptions { MaxOutputTokens = 60, Seed = 1 };
    return (await client.GetResponseAsync($"Tell me a story about {about}.", options)).Text;
});
app.Run();
