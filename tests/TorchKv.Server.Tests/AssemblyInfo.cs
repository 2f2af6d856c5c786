using TorchKv.Server.Tests.Support;

[assembly: AssemblyFixture(typeof(Storyteller))]
