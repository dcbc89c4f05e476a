console.log("The quickstart is being written.");
