using TorchKv.Server.Tests.Support;
using Storyteller = TorchKv.Server.Tests.Support.Storyteller;

[assembly: AssemblyFixture(typeof(Storyteller))]
